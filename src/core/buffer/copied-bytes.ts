let total = 0

/** Counts bytes that our own code copied: it should not, so whoever does says so. */
export function countCopiedBytes(lengthBytes: number): void {
  total += lengthBytes
}

/**
 * Bytes of buffers that our own code has copied in this process: frame.copyTo(), view.slice(), and the
 * copies that stand in for views where the runtime forbids views of foreign memory.
 */
export function copiedBytes(): number {
  return total
}
