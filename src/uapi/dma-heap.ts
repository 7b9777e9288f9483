import { O_ACCMODE, O_CLOEXEC } from './file.js'
import { ioctlCommand, IOC_READ, IOC_WRITE } from './ioctl.js'
import { Struct } from './struct.js'

/** Size of `struct dma_heap_allocation_data`; older programs pass less, newer ones may pass more. @rule HEAP-8 */
export const DMA_HEAP_ALLOCATION_DATA_BYTES = 24
/** Flags a program may ask of a new buffer's descriptor. @rule HEAP-9 */
export const DMA_HEAP_VALID_FD_FLAGS = O_CLOEXEC | O_ACCMODE
/** Flags a program may ask of a heap: none. @rule HEAP-9 */
export const DMA_HEAP_VALID_HEAP_FLAGS = 0n
/** Number of DMA_HEAP_IOCTL_ALLOC: the only one there is. @rule HEAP-5 */
export const DMA_HEAP_ALLOC_NUMBER = 0

/** Allocates a buffer. @rule HEAP-8 */
export const DMA_HEAP_IOCTL_ALLOC = ioctlCommand({
  direction: IOC_READ | IOC_WRITE,
  magic: 'H',
  number: DMA_HEAP_ALLOC_NUMBER,
  sizeBytes: DMA_HEAP_ALLOCATION_DATA_BYTES,
})

/** `struct dma_heap_allocation_data`. @rule HEAP-8 */
export interface AllocationData {
  readonly lengthBytes: bigint
  /** Out: the new buffer's descriptor; 0 on input. */
  readonly fd: number
  /** Access mode and O_CLOEXEC. */
  readonly fdFlags: number
  readonly heapFlags: bigint
}

/** `struct dma_heap_allocation_data` of its bytes. */
export function decodeAllocationData(bytes: Uint8Array): AllocationData {
  const struct = Struct.over(bytes, DMA_HEAP_ALLOCATION_DATA_BYTES)
  return {
    lengthBytes: struct.u64(0),
    fd: struct.u32(8),
    fdFlags: struct.u32(12),
    heapFlags: struct.u64(16),
  }
}

/** The bytes of `struct dma_heap_allocation_data`. */
export function encodeAllocationData(data: AllocationData): Uint8Array {
  return Struct.ofSize(DMA_HEAP_ALLOCATION_DATA_BYTES)
    .setU64(0, data.lengthBytes)
    .setU32(8, data.fd)
    .setU32(12, data.fdFlags)
    .setU64(16, data.heapFlags).bytes
}
