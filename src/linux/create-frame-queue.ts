import type { FrameQueue } from '../frames/frame-queue.js'
import { checkQueueOptions, type QueueOptions } from '../frames/queue-options.js'
import { makeQueue } from './make-queue.js'

/**
 * A queue for the workers of this process: post `queue.port()` to them. For other processes too: serveFrames(), which
 * can also keep them from changing the frames. No seal keeps a thread from the memory of its own process.
 *
 * @returns owned: close() it, or hold it with `await using`
 * @throws {DmaBufError} ENOMEM; {RangeError} for absurd sizes
 */
export function createFrameQueue(options: QueueOptions): FrameQueue {
  return makeQueue(options, checkQueueOptions(options), () => {}).queue
}
