import type { DmaBuf } from '../../core/buffer/buffer.js'
import { DmaBufError } from '../../core/errors.js'
import type { Heap } from '../../core/heap/heap.js'
import { importFd } from '../../linux/buffer-fd.js'
import type { BufferQueue } from './buffer-queue.js'

/**
 * A heap of the buffers of one driver's queue: as many as there are, each once. For the queue of frames that
 * the driver is to fill, where it cannot fill other memory.
 */
export class DriverHeap implements Heap {
  readonly kind = 'driver'
  readonly name: string
  readonly losses = [
    'It has as many buffers as the driver made, of one size, each once.',
    'The camera can be captured into one queue of them only.',
  ]
  readonly #queue: BufferQueue
  readonly #wanted: { readonly count: number; readonly lengthBytes: number }
  readonly #indices = new WeakMap<DmaBuf, number>()
  #granted: number | undefined
  #next = 0

  constructor(
    name: string,
    queue: BufferQueue,
    wanted: { readonly count: number; readonly lengthBytes: number },
  ) {
    this.name = name
    this.#queue = queue
    this.#wanted = wanted
  }

  /** @throws {DmaBufError} ENOMEM where all are given out, or are too small; EBUSY where somebody uses the camera */
  allocate(lengthBytes: number): DmaBuf {
    const { count, lengthBytes: pictureBytes } = this.#wanted
    if (lengthBytes > pictureBytes)
      throw this.#refusal(`has buffers of ${pictureBytes} bytes, not ${lengthBytes}`)
    this.#granted ??= this.#queue.request('export', count)
    if (this.#next >= this.#granted)
      throw this.#refusal(
        `has ${this.#granted} buffers: openCapture with { buffers: ${count + 1} }`,
      )
    const buffer = importFd(this.#queue.export(this.#next, 0), { access: 'readwrite' })
    this.#indices.set(buffer, this.#next++)
    return buffer
  }

  /** Buffers there are; 0 before the first was asked for. */
  get count(): number {
    return this.#granted ?? 0
  }

  /** Which of the driver's buffers this is; undefined for others. */
  indexOf(buffer: DmaBuf): number | undefined {
    return this.#indices.get(buffer)
  }

  /** Nothing: the buffers belong to whoever allocated them, the driver to the capture. */
  close(): void {}

  [Symbol.dispose](): void {}

  #refusal(why: string): DmaBufError {
    return new DmaBufError('ENOMEM', 'allocate', `The driver of ${this.name} ${why}`)
  }
}
