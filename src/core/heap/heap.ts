import type { DmaBuf } from '../buffer/buffer.js'

/** Where a heap's memory comes from. */
export type HeapKind = 'memfd' | 'memory' | 'dma-heap' | 'udmabuf' | 'driver'

/**
 * Something that allocates buffers.
 *
 * @kernel dma_heap
 */
export interface Heap extends Disposable {
  readonly kind: HeapKind
  readonly name: string
  /** In words: what this kind of memory cannot do. */
  readonly losses: readonly string[]
  /**
   * A new, zeroed buffer.
   *
   * @rule HEAP-9, HEAP-11
   * @param lengthBytes - 1 and up; rounded up to the heap's page size
   * @param options.name - at most 31 bytes
   * @param options.flags - access mode of its file, for descriptors that are mapped; O_RDWR where absent, or
   *   where the heap has files of its own. @rule HEAP-10
   * @throws {DmaBufError} ENOMEM; EBADF after close(), where the heap has something to close
   */
  allocate(lengthBytes: number, options?: { name?: string; flags?: number }): DmaBuf
  /** Gives back what the heap itself has open; its buffers stay. Idempotent. Never throws. */
  close(): void
}
