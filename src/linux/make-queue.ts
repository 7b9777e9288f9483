import { FrameQueue } from '../frames/frame-queue.js'
import type { QueueOptions, QueueShape } from '../frames/queue-options.js'
import { queuePageBytes } from '../interprocess/queue-page.js'
import { ConsumerGate } from './consumer-gate.js'
import { openMemfdHeap } from './memfd-heap.js'
import { OwnPage } from './own-page.js'
import { openPort } from './queue-port.js'

/**
 * Makes a queue of shared buffers, and the gate through which consumers come.
 *
 * @param shape - the checked options
 * @param stopListening - called when the queue closes
 * @throws {DmaBufError} ENOMEM, EMFILE
 */
export function makeQueue(
  options: QueueOptions,
  shape: QueueShape,
  stopListening: () => void,
): { queue: FrameQueue; gate: ConsumerGate } {
  const heap = options.heap ?? openMemfdHeap({ name: 'frame' })
  const page = new OwnPage('queue', queuePageBytes(shape.slotCount))
  try {
    const queue = new FrameQueue({
      ...shape,
      allocate: (lengthBytes) => heap.allocate(lengthBytes),
      page: page.words,
      openPort: () => openPort(gate),
      stopServing: async (refusal) => {
        stopListening()
        await gate.close(refusal)
      },
      closePage: () => {
        page.close()
      },
    })
    const gate: ConsumerGate = new ConsumerGate({ queue, page: page.fd })
    return { queue, gate }
  } catch (error) {
    page.close()
    throw error
  }
}
