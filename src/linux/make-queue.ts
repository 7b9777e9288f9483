import type { DmaBuf } from '../core/buffer/buffer.js'
import { DmaBufError } from '../core/errors.js'
import { FrameQueue } from '../frames/frame-queue.js'
import type { QueueOptions, QueueShape } from '../frames/queue-options.js'
import { queuePageBytes } from '../interprocess/queue-page.js'
import { ConsumerGate } from './consumer-gate.js'
import { openMemfdHeap } from './memfd-heap.js'
import { isSealedForReaders } from './memfd.js'
import { fdOf } from './memory-of-fd.js'
import { OwnPage } from './own-page.js'
import { openPort } from './queue-port.js'

/**
 * Makes a queue of shared buffers, and the gate through which consumers come.
 *
 * @param shape - the checked options
 * @param stopListening - called when the queue closes
 * @throws {DmaBufError} ENOMEM, EMFILE; EPERM where `readOnlyConsumers` cannot be had
 */
export function makeQueue(
  options: QueueOptions & { readonly readOnlyConsumers?: boolean },
  shape: QueueShape,
  stopListening: () => void,
): { queue: FrameQueue; gate: ConsumerGate } {
  const { readOnlyConsumers = false } = options
  const heap =
    options.heap ?? openMemfdHeap({ name: 'frame', readOnlyForOthers: readOnlyConsumers })
  const page = new OwnPage('queue', queuePageBytes(shape.slotCount))
  try {
    const queue = new FrameQueue({
      ...shape,
      allocate: (lengthBytes) => {
        const buffer = heap.allocate(lengthBytes)
        if (readOnlyConsumers) checkSealed(buffer, heap.name)
        return buffer
      },
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

function checkSealed(buffer: DmaBuf, heapName: string): void {
  try {
    if (isSealedForReaders(fdOf(buffer, 'serveFrames'))) return
    throw new DmaBufError(
      'EPERM',
      'serveFrames',
      `Consumers of buffers of heap ${heapName} can write to them: use openMemfdHeap({ readOnlyForOthers: true }), ` +
        'or serve without readOnlyConsumers',
    )
  } catch (error) {
    buffer.close()
    throw error
  }
}
