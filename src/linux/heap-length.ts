import { roundUpToPages } from './memfd.js'

/** What a heap allocates for a wish: whole pages. @throws {RangeError} for what is no length */
export function heapLength(lengthBytes: number, pageBytes?: number): number {
  if (!Number.isSafeInteger(lengthBytes) || lengthBytes < 1)
    throw new RangeError(`lengthBytes must be a safe integer from 1: ${lengthBytes}`)
  return roundUpToPages(lengthBytes, pageBytes)
}
