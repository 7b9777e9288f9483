import type { DmaBuf } from '../buffer/buffer.js'
import { debug } from '../debug.js'
import { DmaBufError } from '../errors.js'
import type { AbortSignalLike } from '../host.js'

/** What a program asks of a heap, after all checks that are the same for every heap. */
export interface HeapRequest {
  /** Whole pages, at least one. @rule HEAP-9 */
  readonly lengthBytes: number
  /** Access mode of the new file, for ExportInfo.flags; 0 is read-only. @rule HEAP-10 */
  readonly flags: number
  /** Aborted where the program is interrupted. @rule HEAP-13 */
  readonly signal?: AbortSignalLike | undefined
}

/** What a heap supplies. @kernel dma_heap_ops @rule HEAP-1 */
export interface HeapOps<D> {
  /**
   * A new, zeroed buffer whose first handle moves to the caller. Its exporter name must be the heap's.
   * Called without locks; may wait.
   *
   * @rule HEAP-11
   * @throws {DmaBufError} ENOMEM, EINTR
   */
  allocate(request: HeapRequest, heap: RegisteredHeap<D>): DmaBuf | Promise<DmaBuf>
}

/** What a heap is registered with. @kernel dma_heap_export_info */
export interface HeapInfo<D> {
  /** Unique in its registry. @rule HEAP-2 */
  readonly name: string
  readonly ops: HeapOps<D>
  /** The heap's own data, untouched here. @kernel priv */
  readonly driverData: D
}

/** Heaps that one registry can hold: minors are 0 to 127. @rule HEAP-1 */
const MAX_HEAPS = 128

/** A heap that programs can open; it stays for good. @kernel dma_heap @rule HEAP-3 */
export class RegisteredHeap<D = unknown> {
  /** @kernel dma_heap_get_name @rule API-6 */
  readonly name: string
  /** The minor number of its device node. @rule HEAP-1 */
  readonly minor: number
  /** @kernel dma_heap_get_drvdata @rule API-6 */
  readonly driverData: D
  readonly #ops: HeapOps<D>

  /** @internal Use HeapRegistry.add(). */
  constructor(info: HeapInfo<D>, minor: number) {
    this.name = info.name
    this.minor = minor
    this.driverData = info.driverData
    this.#ops = info.ops
  }

  /** Path of the device node. @rule HEAP-3 */
  get path(): string {
    return `/dev/dma_heap/${this.name}`
  }

  /**
   * Asks the heap for a buffer. What the heap says is passed on as it is.
   *
   * @returns the first handle, yours to close
   */
  async allocate(request: HeapRequest): Promise<DmaBuf> {
    return this.#ops.allocate(request, this)
  }
}

/**
 * The heaps of a system, each under its name and its number.
 *
 * @kernel dma_heap_add, and the class "dma_heap"
 * @rule HEAP-1, HEAP-2, HEAP-3
 */
export class HeapRegistry {
  readonly #heaps: RegisteredHeap[] = []

  /**
   * Registers a heap for good, under the lowest free number.
   *
   * @kernel dma_heap_add
   * @rule HEAP-1, HEAP-2
   * @throws {DmaBufError} EINVAL without a name or an allocate op; ENOMEM; EBUSY where no number is free;
   *   EINVAL for a name that is taken, in this order
   */
  add<D>(info: HeapInfo<D>): RegisteredHeap<D> {
    const { name, ops } = info
    if (typeof name !== 'string' || name === '') throw invalid('Heap needs a name', 'HEAP-1')
    if (typeof ops?.allocate !== 'function') throw invalid('Heap needs an allocate op', 'HEAP-1')
    if (debug.failAllocations)
      throw new DmaBufError('ENOMEM', 'add heap', 'No memory for a heap', { rule: 'HEAP-1' })
    const minor = this.#heaps.length
    if (minor >= MAX_HEAPS)
      throw new DmaBufError('EBUSY', 'add heap', `All ${MAX_HEAPS} numbers are taken`, {
        rule: 'HEAP-1',
      })
    if (this.find(name) !== undefined)
      throw invalid(`Heap name must be unique: ${name} is registered`, 'HEAP-2')
    const heap = new RegisteredHeap(info, minor)
    this.#heaps.push(heap)
    return heap
  }

  /** The heap of a name, as its path in /dev/dma_heap finds it. @rule HEAP-3 */
  find(name: string): RegisteredHeap | undefined {
    return this.#heaps.find((heap) => heap.name === name)
  }

  /** The heap of a number. @rule HEAP-4 @throws {DmaBufError} ENODEV where there is none */
  open(minor: number): RegisteredHeap {
    const heap = this.#heaps[minor]
    if (heap === undefined)
      throw new DmaBufError('ENODEV', 'open heap', `No heap has this number: ${minor}`, {
        rule: 'HEAP-4',
      })
    return heap
  }

  /** All heaps, in the order of their numbers. */
  get heaps(): readonly RegisteredHeap[] {
    return [...this.#heaps]
  }
}

function invalid(message: string, rule: string): DmaBufError {
  return new DmaBufError('EINVAL', 'add heap', message, { rule })
}
