import type { DmaBuf } from '../core/buffer/buffer.js'
import { layOutFormat, type FrameFormat } from '../core/frame/format.js'
import type { Heap } from '../core/heap/heap.js'
import { MAX_BUFFERS, MAX_CONSUMERS } from '../interprocess/queue-page.js'
import { FrameQueue, type SlowConsumerPolicy } from './frame-queue.js'
import { LinkServer } from './link-server.js'
import { Link } from './link.js'
import { openMemfdHeap } from './memfd-heap.js'
import type { PeerPolicy } from './peer-policy.js'

/** What a queue is to be. */
export interface QueueOptions {
  /** What the frames are; without it `lengthBytes`, for plain bytes. */
  readonly format?: FrameFormat
  /** Bytes of one frame; at least what the format needs, which is the default. */
  readonly lengthBytes?: number
  /** 2 to 64, 4 where absent. Consumers are admitted while buffers >= the sum of their maxHeld + 2. */
  readonly buffers?: number
  readonly maxConsumers?: number
  /** `{ afterMs: 1000, then: 'wait' }` where absent. */
  readonly slowConsumer?: SlowConsumerPolicy
  /** Where the buffers come from; a memfd heap where absent. */
  readonly heap?: Heap
}

/**
 * Serves a queue of shared buffers at a socket path, or over one link.
 *
 * @param at - a path of at most 107 bytes, or one end of a link
 * @returns owned: close() it, or hold it with `await using`
 * @throws {DmaBufError} EADDRINUSE, EACCES, ENAMETOOLONG, ENOMEM; {RangeError} for absurd sizes
 */
export async function serveFrames(
  at: string | Link,
  options: QueueOptions & PeerPolicy,
): Promise<FrameQueue> {
  if (typeof at !== 'string' && !(at instanceof Link))
    throw new TypeError(`Serve at a path or over a link: ${String(at)}`)
  const { format, lengthBytes } = shapeOf(options)
  const { buffers: bufferCount = 4, maxConsumers = MAX_CONSUMERS } = options
  if (!Number.isInteger(bufferCount) || bufferCount < 2 || bufferCount > MAX_BUFFERS)
    throw new RangeError(`buffers must be 2 to ${MAX_BUFFERS}: ${bufferCount}`)
  const slowConsumer = options.slowConsumer ?? { afterMs: 1000, then: 'wait' }
  checkLimits(slowConsumer, maxConsumers)
  // The path first: it costs nothing, and most mistakes are there.
  let queue: FrameQueue | undefined
  const server =
    typeof at === 'string'
      ? new LinkServer(at, options, (link) => void queue?.admit(link))
      : undefined
  const buffers: DmaBuf[] = []
  try {
    const heap = options.heap ?? openMemfdHeap({ name: 'frame' })
    for (let i = 0; i < bufferCount; i++) buffers.push(heap.allocate(lengthBytes))
    queue = new FrameQueue({
      buffers,
      format,
      lengthBytes,
      slowConsumer,
      maxConsumers,
      stopServing: () => server?.close(),
    })
    if (at instanceof Link) void queue.admit(at)
    return queue
  } catch (error) {
    server?.close()
    for (const buffer of buffers) buffer.close()
    throw error
  }
}

function checkLimits({ afterMs, then }: SlowConsumerPolicy, maxConsumers: number): void {
  if (!(afterMs > 0)) throw new RangeError(`slowConsumer.afterMs must be above 0: ${afterMs}`)
  if (then !== 'wait' && then !== 'disconnect')
    throw new TypeError(`slowConsumer.then must be 'wait' or 'disconnect': ${String(then)}`)
  if (!Number.isInteger(maxConsumers) || maxConsumers < 1 || maxConsumers > MAX_CONSUMERS)
    throw new RangeError(`maxConsumers must be 1 to ${MAX_CONSUMERS}: ${maxConsumers}`)
}

function shapeOf(options: QueueOptions): {
  format: ReturnType<typeof layOutFormat>['format'] | undefined
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
