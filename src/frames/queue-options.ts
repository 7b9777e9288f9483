import { layOutFormat, type FrameFormat, type LaidOutFormat } from '../core/frame/format.js'
import type { Heap } from '../core/heap/heap.js'
import { MAX_BUFFERS, MAX_CONSUMERS } from '../interprocess/queue-page.js'

/** What to do about a consumer that keeps buffers for too long. */
export interface SlowConsumerPolicy {
  readonly afterMs: number
  /** 'wait' only reports it; 'disconnect' tells it to leave and goes on without what it has not read. */
  readonly then: 'wait' | 'disconnect'
}

/** What a queue is to be. */
export interface QueueOptions {
  /** What the frames are; without it `lengthBytes`, for plain bytes. */
  readonly format?: FrameFormat
  /** Bytes of one frame; at least what the format needs, which is the default. */
  readonly lengthBytes?: number
  /** 2 to 64, 4 where absent. Consumers are admitted while buffers >= the sum of their maxHeld + 2. */
  readonly buffers?: number
  /**
   * Buffers at most, with those that replace what consumers keep who were told to leave; up to 64, twice
   * `buffers` where absent.
   */
  readonly maxBuffers?: number
  readonly maxConsumers?: number
  /** `{ afterMs: 1000, then: 'wait' }` where absent. */
  readonly slowConsumer?: SlowConsumerPolicy
  /** Where the buffers come from; a memfd heap where absent. */
  readonly heap?: Heap
}

/** The options with their defaults. @internal */
export interface QueueShape {
  readonly format: LaidOutFormat | undefined
  readonly lengthBytes: number
  readonly bufferCount: number
  readonly slotCount: number
  readonly maxConsumers: number
  readonly slowConsumer: SlowConsumerPolicy
}

/** @throws {TypeError} {RangeError} for absurd sizes and unknown policies */
export function checkQueueOptions(options: QueueOptions): QueueShape {
  const { format, lengthBytes } = checkFrame(options)
  const { buffers: bufferCount = 4, maxConsumers = MAX_CONSUMERS } = options
  if (!Number.isInteger(bufferCount) || bufferCount < 2 || bufferCount > MAX_BUFFERS)
    throw new RangeError(`buffers must be 2 to ${MAX_BUFFERS}: ${bufferCount}`)
  const slotCount = options.maxBuffers ?? Math.min(2 * bufferCount, MAX_BUFFERS)
  if (!Number.isInteger(slotCount) || slotCount < bufferCount || slotCount > MAX_BUFFERS)
    throw new RangeError(`maxBuffers must be ${bufferCount} to ${MAX_BUFFERS}: ${slotCount}`)
  const slowConsumer = options.slowConsumer ?? { afterMs: 1000, then: 'wait' }
  const { afterMs, then } = slowConsumer
  if (!(afterMs > 0)) throw new RangeError(`slowConsumer.afterMs must be above 0: ${afterMs}`)
  if (then !== 'wait' && then !== 'disconnect')
    throw new TypeError(`slowConsumer.then must be 'wait' or 'disconnect': ${String(then)}`)
  if (!Number.isInteger(maxConsumers) || maxConsumers < 1 || maxConsumers > MAX_CONSUMERS)
    throw new RangeError(`maxConsumers must be 1 to ${MAX_CONSUMERS}: ${maxConsumers}`)
  return { format, lengthBytes, bufferCount, slotCount, maxConsumers, slowConsumer }
}

/** What frames are, and their bytes. @throws {TypeError} {RangeError} {DmaBufError} EINVAL as layOutFormat() */
export function checkFrame(options: Pick<QueueOptions, 'format' | 'lengthBytes'>): {
  format: LaidOutFormat | undefined
  lengthBytes: number
} {
  const laidOut = options.format === undefined ? undefined : layOutFormat(options.format)
  const least = laidOut?.lengthBytes ?? 1
  const lengthBytes = options.lengthBytes ?? laidOut?.lengthBytes
  if (lengthBytes === undefined) throw new TypeError('A queue needs a format or lengthBytes')
  if (!Number.isInteger(lengthBytes) || lengthBytes < least || lengthBytes > 0x7fffffff)
    throw new RangeError(`lengthBytes must be ${least} to 2147483647: ${lengthBytes}`)
  return { format: laidOut?.format, lengthBytes }
}
