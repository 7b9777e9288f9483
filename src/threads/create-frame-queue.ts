import { FrameQueue } from '../frames/frame-queue.js'
import { checkQueueOptions, type QueueOptions } from '../frames/queue-options.js'
import { queuePageBytes } from '../interprocess/queue-page.js'
import { ArrayWords } from '../interprocess/words.js'
import { PortGate } from './port-gate.js'
import { SharedPool } from './shared-memory.js'

/** What a queue between threads is to be. */
export interface ThreadQueueOptions extends Omit<QueueOptions, 'heap'> {
  /** The most that resize() may ask for; what frames have at first where absent. Reserved from the start. */
  readonly maxLengthBytes?: number
}

/**
 * A queue between threads, over shared memory: post `queue.port()` to a worker, which calls openFramePort().
 *
 * It needs no native code; a page in a browser has to be cross-origin isolated.
 * @returns owned: close() it, or hold it with `await using`
 * @throws {DmaBufError} ENOMEM; {RangeError} for absurd sizes
 */
export function createFrameQueue(options: ThreadQueueOptions): FrameQueue {
  const shape = checkQueueOptions(options)
  const { maxLengthBytes = shape.lengthBytes } = options
  if (!Number.isInteger(maxLengthBytes) || maxLengthBytes < shape.lengthBytes)
    throw new RangeError(`maxLengthBytes must be ${shape.lengthBytes} or more: ${maxLengthBytes}`)
  // While it is resized a queue has the old buffers and the new ones.
  const pool = new SharedPool(shape.slotCount + shape.bufferCount, maxLengthBytes)
  const page = new SharedArrayBuffer(queuePageBytes(shape.slotCount))
  const queue: FrameQueue = new FrameQueue({
    ...shape,
    allocate: (lengthBytes) => pool.allocate(lengthBytes),
    page: new ArrayWords(page),
    openPort: () => gate.open(),
    stopServing: async (refusal) => {
      gate.close(refusal)
    },
    closePage: () => {},
  })
  const gate = new PortGate(queue, page, pool)
  return queue
}
