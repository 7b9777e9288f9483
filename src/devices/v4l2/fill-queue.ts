import { setImmediate as eventLoopTurn } from 'node:timers/promises'
import type { DmaBuf } from '../../core/buffer/buffer.js'
import type { AbortSignalLike } from '../../core/host.js'
import type { FrameQueue } from '../../frames/frame-queue.js'
import type { WritableFrame } from '../../frames/writable-frame.js'
import { DmaBufError } from '../../core/errors.js'
import type { BufferQueue, FilledBuffer, PieceOfMemory } from './buffer-queue.js'
import { driverPiece, importedPiece } from './capture-buffers.js'
import type { DriverHeap } from './driver-heap.js'
import type { MappedBuffers } from './mapped-buffers.js'

/** Which buffer of the driver's queue a buffer of ours is. */
export interface FrameSlots {
  /** How many the driver can have at a time. */
  readonly count: number
  /** One that the driver does not have now. */
  slotOf(buffer: DmaBuf, isTaken: (index: number) => boolean): number
  /** What the driver has to be told of it. @throws {DmaBufError} EINVAL where it cannot fill such memory */
  pieceOf(buffer: DmaBuf): PieceOfMemory
  /** Brings the picture into the frame, where the driver has not filled that itself. */
  finish?(frame: WritableFrame, filled: FilledBuffer): void
}

/** Slots for buffers that the driver imports: a buffer comes back to the same, so that it is attached once. */
export class ImportSlots implements FrameSlots {
  readonly count: number
  readonly #buffers: (DmaBuf | undefined)[]

  constructor(count: number) {
    this.count = count
    this.#buffers = Array.from({ length: count })
  }

  slotOf(buffer: DmaBuf, isTaken: (index: number) => boolean): number {
    const known = this.#buffers.indexOf(buffer)
    if (known >= 0 && !isTaken(known)) return known
    const free = this.#buffers.map((_, index) => index).filter((index) => !isTaken(index))
    const index = free.find((at) => this.#buffers[at]?.closed !== false) ?? free[0] ?? 0
    this.#buffers[index] = buffer
    return index
  }

  pieceOf(buffer: DmaBuf): PieceOfMemory {
    return importedPiece(buffer)
  }
}

/** Slots of the driver's own buffers. */
export class DriverSlots implements FrameSlots {
  readonly #heap: DriverHeap

  constructor(heap: DriverHeap) {
    this.#heap = heap
  }

  get count(): number {
    return this.#heap.count
  }

  slotOf(buffer: DmaBuf): number {
    const index = this.#heap.indexOf(buffer)
    if (index !== undefined) return index
    throw new DmaBufError(
      'EINVAL',
      'into',
      `The queue has buffers that are not those of the driver of ${this.#heap.name}: make it with { heap: capture.heap }`,
    )
  }

  pieceOf(buffer: DmaBuf): PieceOfMemory {
    return driverPiece(buffer)
  }
}

/** Slots of the driver's own buffers, whose pictures are copied. */
export class CopySlots implements FrameSlots {
  readonly #mapped: MappedBuffers

  constructor(mapped: MappedBuffers) {
    this.#mapped = mapped
  }

  get count(): number {
    return this.#mapped.count
  }

  slotOf(_buffer: DmaBuf, isTaken: (index: number) => boolean): number {
    let index = 0
    while (isTaken(index)) index++
    return index
  }

  pieceOf(buffer: DmaBuf): PieceOfMemory {
    return driverPiece(buffer)
  }

  finish({ bytes }: WritableFrame, { index, bytesUsed }: FilledBuffer): void {
    this.#mapped.copyTo({ index, piece: 0 }, bytes.subarray(0, bytesUsed[0]))
  }
}

/** Lets a driver fill the buffers of a queue of frames: each that is free goes to the driver, each filled one is published. */
export class QueueFilling {
  readonly #driver: BufferQueue
  readonly #slots: FrameSlots
  readonly #frames: FrameQueue
  readonly #inDriver: (WritableFrame | undefined)[]
  readonly #stop = new AbortController()
  #roomMade: (() => void) | undefined

  constructor(driver: BufferQueue, slots: FrameSlots, frames: FrameQueue) {
    this.#driver = driver
    this.#slots = slots
    this.#frames = frames
    this.#inDriver = Array.from({ length: slots.count })
  }

  /**
   * Fills until `filled` says that it is enough, or the signal is aborted. The driver has no buffer of the
   * queue when this settles.
   *
   * @param filled - is told of each picture. @returns whether to go on
   */
  async run(
    filled: (buffer: FilledBuffer) => boolean,
    signal: AbortSignalLike | undefined,
  ): Promise<void> {
    const abort = (): void => {
      this.#end(signal?.reason)
    }
    signal?.addEventListener('abort', abort, { once: true })
    try {
      await Promise.all([
        this.#untilStopped(() => this.#giveNext()),
        this.#untilStopped(() => this.#takeNext(filled)),
      ])
    } finally {
      signal?.removeEventListener('abort', abort)
      this.#driver.stop()
      for (const frame of this.#inDriver) frame?.cancel()
    }
    if (signal?.aborted === true) throw signal.reason
  }

  async #untilStopped(step: () => Promise<void>): Promise<void> {
    try {
      while (!this.#stop.signal.aborted) await step()
    } catch (error) {
      const isOurs = this.#stop.signal.aborted
      this.#end(error)
      if (!isOurs) throw error
    }
  }

  #end(reason: unknown): void {
    this.#stop.abort(reason)
    this.#roomMade?.()
    this.#driver.wake()
  }

  async #giveNext(): Promise<void> {
    if (this.#driver.given >= this.#slots.count) {
      await new Promise<void>((resolve) => (this.#roomMade = resolve))
      return
    }
    const frame = await this.#frames.dequeue({ signal: this.#stop.signal })
    try {
      this.#give(frame)
    } catch (error) {
      frame.cancel()
      throw error
    }
  }

  #give(frame: WritableFrame): void {
    const index = this.#slots.slotOf(frame.buffer, (at) => this.#inDriver[at] !== undefined)
    this.#driver.give(index, [this.#slots.pieceOf(frame.buffer)])
    this.#inDriver[index] = frame
    // The other half may wait for the driver without having asked it: it had no buffer then.
    if (this.#driver.given === 1) this.#driver.wake()
  }

  async #start(): Promise<void> {
    if (this.#driver.given === 0) await this.#driver.ready()
    // With less than all that is free the first pictures would be missed. A queue may take a turn of the event loop
    // for a buffer that is free.
    for (let given = 0; this.#driver.given > given;) {
      given = this.#driver.given
      await eventLoopTurn()
      await eventLoopTurn()
    }
    if (!this.#stop.signal.aborted) this.#driver.start()
  }

  async #takeNext(filled: (buffer: FilledBuffer) => boolean): Promise<void> {
    if (!this.#driver.streams) {
      await this.#start()
      return
    }
    const buffer = this.#driver.take()
    if (buffer === undefined) {
      await this.#driver.ready()
      return
    }
    const frame = this.#inDriver[buffer.index]
    this.#inDriver[buffer.index] = undefined
    this.#roomMade?.()
    if (buffer.dataOffsets[0] !== 0) {
      frame?.cancel()
      throw new DmaBufError(
        'EPROTO',
        'into',
        'The driver puts something before each picture: take frames',
      )
    }
    if (frame !== undefined) this.#publish(frame, buffer)
    if (!filled(buffer)) this.#end(undefined)
  }

  #publish(frame: WritableFrame, buffer: FilledBuffer): void {
    const { timestampNs, damaged, bytesUsed } = buffer
    // A damaged picture is not shown to anybody.
    if (damaged) {
      frame.cancel()
      return
    }
    this.#slots.finish?.(frame, buffer)
    frame.queue({
      timestampNs,
      lengthBytes: Math.min(bytesUsed[0] ?? 0, this.#frames.lengthBytes),
    })
  }
}
