import type { DmaBuf } from '../core/buffer/buffer.js'
import { DmaBufError } from '../core/errors.js'
import type { RegisteredHeap } from '../core/heap/registry.js'
import {
  decodeAllocationData,
  DMA_HEAP_ALLOC_NUMBER,
  DMA_HEAP_ALLOCATION_DATA_BYTES,
  DMA_HEAP_VALID_FD_FLAGS,
  DMA_HEAP_VALID_HEAP_FLAGS,
  encodeAllocationData,
  type AllocationData,
} from '../uapi/dma-heap.js'
import { O_ACCMODE } from '../uapi/file.js'
import { IOC_READ, IOC_WRITE, ioctlParts } from '../uapi/ioctl.js'
import { descriptorForBuffer } from './open-buffer.js'
import type { Caller } from './caller.js'
import { OpenFile } from './open-file.js'

const PAGE_BYTES = 4096n

/**
 * The open device node of a heap. Any access mode will do: only ioctls are made on it.
 *
 * @kernel dma_heap_fops
 * @rule HEAP-4
 */
export class OpenHeap extends OpenFile {
  readonly heap: RegisteredHeap

  constructor(heap: RegisteredHeap, flags: number) {
    super(flags)
    this.heap = heap
  }

  /**
   * ALLOC, of whatever size the caller's structure has: what it lacks reads as 0, and it gets back no more
   * than it gave.
   *
   * @rule HEAP-5, HEAP-6, HEAP-7
   */
  override async ioctl(command: number, argument: bigint, caller: Caller): Promise<number> {
    const { number, direction, sizeBytes } = ioctlParts(command)
    if (number !== DMA_HEAP_ALLOC_NUMBER)
      throw invalid(`Heap does not know this number: ${number}`, 'HEAP-5')
    const inBytes = (direction & IOC_WRITE) === 0 ? 0 : sizeBytes
    const outBytes = (direction & IOC_READ) === 0 ? 0 : sizeBytes
    const bytes = new Uint8Array(Math.max(sizeBytes, DMA_HEAP_ALLOCATION_DATA_BYTES))
    if (inBytes > 0) bytes.set(caller.memory.read(argument, inBytes))
    const data = bytes.subarray(0, DMA_HEAP_ALLOCATION_DATA_BYTES)
    try {
      const asked = decodeAllocationData(data)
      const fd = await this.#allocate(asked, caller)
      data.set(encodeAllocationData({ ...asked, fd }))
      return 0
    } finally {
      // Also after a failure; and where this one fails, a descriptor just made stays open. @rule HEAP-7
      if (outBytes > 0) caller.memory.write(argument, bytes.subarray(0, outBytes))
    }
  }

  protected override release(): void {}

  async #allocate(asked: AllocationData, { table, signal }: Caller): Promise<number> {
    const { fd, fdFlags, heapFlags } = asked
    if (fd !== 0) throw invalid(`Descriptor must be 0 on input: ${fd}`, 'HEAP-9')
    if ((fdFlags & ~DMA_HEAP_VALID_FD_FLAGS) !== 0)
      throw invalid('Descriptor flags must be an access mode and O_CLOEXEC', 'HEAP-9')
    if ((heapFlags & ~DMA_HEAP_VALID_HEAP_FLAGS) !== 0n)
      throw invalid(`Heap flags must be 0: ${heapFlags}`, 'HEAP-9')
    const lengthBytes = wholePages(asked.lengthBytes)
    const flags = fdFlags & O_ACCMODE
    using buffer: DmaBuf = await this.heap.allocate({ lengthBytes, flags, signal })
    return descriptorForBuffer(table, buffer, fdFlags)
  }
}

/** Rounded up in 64 bits, as the kernel does: what wraps is 0. @rule HEAP-9 */
function wholePages(lengthBytes: bigint): number {
  const rounded = BigInt.asUintN(64, lengthBytes + PAGE_BYTES - 1n) & ~(PAGE_BYTES - 1n)
  if (rounded === 0n) throw invalid(`Length must be 1 and up, below 2^64: ${lengthBytes}`, 'HEAP-9')
  if (rounded > Number.MAX_SAFE_INTEGER)
    throw new DmaBufError('ENOMEM', 'allocate', `No heap has that much: ${lengthBytes} bytes`)
  return Number(rounded)
}

function invalid(message: string, rule: string): DmaBufError {
  return new DmaBufError('EINVAL', 'heap', message, { rule })
}
