import { DmaBufError } from '../../core/errors.js'
import type { Heap } from '../../core/heap/heap.js'
import { host, type WaitOptions } from '../../core/host.js'
import { checkWait, waitFor } from '../../core/wait.js'
import type { FrameQueue } from '../../frames/frame-queue.js'
import { openMemfdHeap } from '../../linux/memfd-heap.js'
import { openHeap } from '../../linux/open-heap.js'
import type { BufferQueue, FilledBuffer, QueueMemoryKind } from './buffer-queue.js'
import {
  driverPiece,
  exportedBuffers,
  heapBuffers,
  importedPiece,
  importedBuffers,
  type BufferPieces,
} from './capture-buffers.js'
import { CaptureFrame } from './capture-frame.js'
import { DriverHeap } from './driver-heap.js'
import { CopySlots, DriverSlots, ImportSlots, QueueFilling, type FrameSlots } from './fill-queue.js'
import { copyPicture, MappedBuffers } from './mapped-buffers.js'
import { withDataOffsets, type CaptureFormat } from './lay-out-picture.js'
import type { VideoNode } from './video-node.js'

/** What a capture is made of. @internal */
export interface CaptureParts {
  readonly node: VideoNode
  readonly queue: BufferQueue
  readonly format: CaptureFormat
  /** Bytes of each piece of memory of a picture. */
  readonly pieceLengths: readonly number[]
  readonly framesPerSecond: number | undefined
  readonly memory: QueueMemoryKind
  readonly bufferCount: number
  /** Where buffers come from that are not the driver's; see CaptureOptions. */
  readonly heap: Heap | undefined
}

/** Counts since the capture was opened. */
export interface CaptureStats {
  /** Pictures that the driver gave. */
  readonly frames: number
  /** Those for which the driver had no buffer. */
  readonly missed: number
  /** Those that the driver said are damaged; among `frames`. */
  readonly damaged: number
  /** Bytes of pictures that were copied: 0 unless memory is 'copy'. */
  readonly bytesCopied: number
  /** How fast they came, from the first to the last that was taken; undefined before the second. */
  readonly framesPerSecond: number | undefined
}

/**
 * A camera whose pictures come into dma-bufs: one by one (`for await`, receive()), or into the buffers of a
 * queue of frames (into()). It runs from the first that is asked for until close().
 *
 * Pictures that nobody takes wait; when no buffer is left the driver drops what the camera gives, which the
 * next frame's `missed` tells.
 */
export class Capture implements AsyncDisposable, AsyncIterable<CaptureFrame> {
  /** Of the node. */
  readonly path: string
  /** The device's words. */
  readonly name: string
  /** What the pictures are, with the driver's strides. */
  readonly format: CaptureFormat
  /** Of one picture in its first buffer, at most: what a queue needs to be made with for into(). */
  readonly lengthBytes: number
  /** undefined where the driver does not say. */
  readonly framesPerSecond: number | undefined
  /** Whose memory the pictures come into. */
  readonly memory: QueueMemoryKind
  /** The driver's own buffers, for the queue of frames that they are to be filled in: only with memory 'export'. */
  readonly heap: Heap
  readonly #parts: CaptureParts
  readonly #driverHeap: DriverHeap
  #buffers: BufferPieces[] | undefined
  /** The driver's, where its pictures are copied. */
  #mapped: MappedBuffers | undefined
  #bytesCopied = 0
  readonly #held = new Set<number>()
  readonly #counts = { frames: 0, missed: 0, damaged: 0 }
  #nextSequence: number | undefined
  #firstNs = 0
  #lastNs = 0
  #use: 'frames' | 'queue' | undefined
  #receives = false
  #closed = false

  /** @internal Use openCapture(). */
  constructor(parts: CaptureParts) {
    const { node, queue, format, pieceLengths, bufferCount } = parts
    this.#parts = parts
    this.path = node.path
    this.name = node.capability.card
    this.format = format
    this.lengthBytes = pieceLengths[0] ?? 0
    this.framesPerSecond = parts.framesPerSecond
    this.memory = parts.memory
    const wanted = { count: bufferCount, lengthBytes: this.lengthBytes }
    this.#driverHeap = new DriverHeap(node.path, queue, wanted)
    this.heap = this.#driverHeap
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Counts since the start. */
  stats(): CaptureStats {
    const seconds = (this.#lastNs - this.#firstNs) / 1e9
    const framesPerSecond = seconds > 0 ? (this.#counts.frames - 1) / seconds : undefined
    const bytesCopied = this.#bytesCopied + (this.#mapped?.bytesCopied ?? 0)
    return { ...this.#counts, bytesCopied, framesPerSecond }
  }

  /**
   * The next picture.
   *
   * @returns owned: release it, or hold it with `using`; undefined after close()
   * @throws {DmaBufError} ENODEV when the camera is unplugged: the capture is closed then; EBUSY where somebody
   *   else uses it, or another receive() waits; ETIMEDOUT; the reason of an aborted signal. As rejections
   */
  async receive(options: WaitOptions = {}): Promise<CaptureFrame | undefined> {
    checkWait(options)
    if (this.#closed) return undefined
    this.#begin('frames')
    if (this.#receives) throw busy('receive', 'Another receive() waits already')
    this.#receives = true
    let gaveUp = false
    try {
      return await waitFor<CaptureFrame | undefined>('receive', options, (waiter) => {
        this.#next(() => gaveUp).then(waiter.resolve, waiter.reject)
        return () => {
          gaveUp = true
          this.#parts.queue.wake()
        }
      })
    } finally {
      this.#receives = false
    }
  }

  /** Pictures until close(). Leaving the loop closes nothing: another one goes on. */
  async *[Symbol.asyncIterator](): AsyncGenerator<CaptureFrame, undefined> {
    for (;;) {
      const frame = await this.receive()
      if (frame === undefined) return
      yield frame
    }
  }

  /**
   * Tries whether the driver can fill buffers of a heap, without starting the camera.
   *
   * @returns undefined, or why not
   * @throws {DmaBufError} EBUSY while it runs, or somebody else uses it; ENOMEM
   */
  tryFill(heap: Heap): DmaBufError | undefined {
    const { queue, pieceLengths } = this.#parts
    return this.#try(() => {
      const buffers = importedBuffers(queue, { count: 1, pieceLengths, heap })
      try {
        queue.give(0, (buffers[0] ?? []).map(importedPiece))
      } finally {
        queue[Symbol.dispose]()
        for (const pieces of buffers) closeAll(pieces)
      }
    })
  }

  /**
   * Tries whether the driver can export its buffers, without starting the camera.
   *
   * @returns undefined, or why not
   * @throws {DmaBufError} EBUSY while it runs, or somebody else uses it
   */
  tryExport(): DmaBufError | undefined {
    const { queue, pieceLengths } = this.#parts
    return this.#try(() => {
      for (const pieces of exportedBuffers(queue, { count: 1, pieceLengths })) closeAll(pieces)
    })
  }

  /**
   * Lets the driver fill the buffers of a queue of frames itself: nothing is copied. Damaged pictures are not published.
   *
   * @param queue - of this capture's `format` and `lengthBytes`. Its heap is `openHeap({ need: 'device' })`, or
   *   this capture's own `heap` where its memory is 'export'
   * @param options.frames - ends after so many
   * @throws {DmaBufError} ENODEV when the camera is unplugged: the capture is closed then; EINVAL where the driver
   *   cannot fill such buffers, or a picture has several; EBADF when the queue is closed; the reason of an aborted
   *   signal. As rejections
   */
  async into(
    queue: FrameQueue,
    options: { readonly signal?: WaitOptions['signal']; readonly frames?: number } = {},
  ): Promise<void> {
    checkWait({ signal: options.signal })
    if (this.#closed) throw new DmaBufError('EBADF', 'into', 'Capture is closed')
    this.#checkQueue(queue)
    this.#begin('queue')
    const { frames: limit = Number.POSITIVE_INFINITY, signal } = options
    const last = this.#counts.frames - this.#counts.damaged + limit
    try {
      const filling = new QueueFilling(this.#parts.queue, this.#slots(queue), queue)
      await filling.run((filled) => {
        this.#count(filled)
        return !this.#closed && this.#counts.frames - this.#counts.damaged < last
      }, signal)
    } catch (error) {
      if (this.#closed) return
      if (DmaBufError.is(error, 'ENODEV')) await this.close()
      throw error
    } finally {
      // What the driver imported it would keep; buffers that it exported are the queue's for good.
      if (this.memory !== 'export') this.#endQueue()
      this.#use = undefined
    }
  }

  /** Stops the camera and gives its buffers back; those of frames that are still held, when they are released. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#endQueue()
    this.#buffers?.forEach((pieces, index) => {
      if (!this.#held.has(index)) closeAll(pieces)
    })
    this.#parts.node[Symbol.dispose]()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #begin(use: 'frames' | 'queue'): void {
    if (this.#use !== undefined && (this.#use !== use || use === 'queue'))
      throw busy('capture', `${this.path} is captured into a queue, or frame by frame, not both`)
    if (use === 'frames' && this.#use === undefined) this.#start()
    this.#use = use
  }

  #try(use: () => void): DmaBufError | undefined {
    this.#begin('queue')
    try {
      use()
      return undefined
    } catch (error) {
      if (DmaBufError.is(error) && error.code !== 'EBUSY') return error
      throw error
    } finally {
      this.#parts.queue[Symbol.dispose]()
      this.#use = undefined
    }
  }

  #start(): void {
    const { queue } = this.#parts
    const buffers = this.#makeBuffers()
    this.#buffers = buffers
    try {
      for (let index = 0; index < buffers.length; index++) this.#give(index)
      queue.start()
    } catch (error) {
      this.#endQueue()
      for (const pieces of buffers) closeAll(pieces)
      this.#buffers = undefined
      throw error
    }
  }

  #makeBuffers(): BufferPieces[] {
    const { queue, pieceLengths, bufferCount: count, heap, memory } = this.#parts
    if (memory === 'export') return exportedBuffers(queue, { count, pieceLengths })
    if (memory === 'copy') {
      const mapped = this.#mapDriver()
      return heapBuffers(heap ?? openMemfdHeap(), { count: mapped.count, pieceLengths })
    }
    if (heap !== undefined) return importedBuffers(queue, { count, pieceLengths, heap })
    using found = openHeap({ need: 'device' })
    return importedBuffers(queue, { count, pieceLengths, heap: found })
  }

  #give(index: number): void {
    const pieces = this.#buffers?.[index] ?? []
    const piece = this.memory === 'import' ? importedPiece : driverPiece
    this.#parts.queue.give(index, pieces.map(piece))
  }

  async #next(isGivenUp: () => boolean): Promise<CaptureFrame | undefined> {
    const { queue } = this.#parts
    while (!this.#closed && !isGivenUp()) {
      const filled = this.#take()
      if (filled !== undefined) return this.#frameOf(filled)
      await queue.ready()
    }
    return undefined
  }

  #take(): FilledBuffer | undefined {
    try {
      return this.#parts.queue.take()
    } catch (error) {
      void this.close()
      throw error
    }
  }

  #frameOf(filled: FilledBuffer): CaptureFrame {
    const { index } = filled
    if (this.#mapped !== undefined) copyPicture(this.#mapped, filled, this.#buffers?.[index] ?? [])
    const missed = this.#count(filled)
    this.#held.add(index)
    return new CaptureFrame({
      buffers: this.#buffers?.[index] ?? [],
      format: withDataOffsets(this.format, filled.dataOffsets),
      filled,
      missed,
      giveBack: () => {
        this.#takeBack(index)
      },
    })
  }

  #takeBack(index: number): void {
    this.#held.delete(index)
    if (this.#closed) closeAll(this.#buffers?.[index] ?? [])
    else {
      this.#give(index)
      this.#parts.queue.wake()
    }
  }

  #count({ sequence, damaged }: FilledBuffer): number {
    const missed = Math.max(0, sequence - (this.#nextSequence ?? sequence))
    this.#nextSequence = sequence + 1
    this.#lastNs = host().nowNs()
    if (this.#counts.frames === 0) this.#firstNs = this.#lastNs
    this.#counts.frames++
    this.#counts.missed += missed
    if (damaged) this.#counts.damaged++
    return missed
  }

  #checkQueue(queue: FrameQueue): void {
    if (this.#parts.pieceLengths.length > 1)
      throw new DmaBufError(
        'EINVAL',
        'into',
        `A ${this.format.fourcc} picture of ${this.path} lies in ${this.#parts.pieceLengths.length} buffers, a ` +
          'frame of a queue in one: ask for a format that is not split',
      )
    if (queue.lengthBytes < this.lengthBytes)
      throw new DmaBufError(
        'EINVAL',
        'into',
        `A picture has up to ${this.lengthBytes} bytes, a frame of the queue ${queue.lengthBytes}: make the queue ` +
          'with the format and lengthBytes of the capture',
      )
  }

  #mapDriver(): MappedBuffers {
    const { queue, pieceLengths, bufferCount: count } = this.#parts
    this.#mapped = new MappedBuffers(queue, { count, pieceLengths })
    return this.#mapped
  }

  // Drivers keep buffers that are mapped.
  #endQueue(): void {
    this.#bytesCopied += this.#mapped?.bytesCopied ?? 0
    this.#mapped?.[Symbol.dispose]()
    this.#mapped = undefined
    this.#parts.queue[Symbol.dispose]()
  }

  #slots(queue: FrameQueue): FrameSlots {
    if (this.memory === 'copy') return new CopySlots(this.#mapDriver())
    if (this.memory === 'export') {
      if (this.#driverHeap.count > 0) return new DriverSlots(this.#driverHeap)
      throw new DmaBufError(
        'EINVAL',
        'into',
        `The driver of ${this.path} was asked for memory of its own: make the queue with { heap: capture.heap }, ` +
          "or open the camera with { memory: 'import' }",
      )
    }
    return new ImportSlots(this.#parts.queue.request('import', queue.bufferCount))
  }
}

function closeAll(pieces: BufferPieces): void {
  for (const buffer of pieces) buffer.close()
}

function busy(operation: string, message: string): DmaBufError {
  return new DmaBufError('EBUSY', operation, message)
}
