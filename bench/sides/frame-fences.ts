// One frame after the other through a queue with one consumer, all in one process, and nobody sleeps.
//
//   frame-fences NAME CPU    answers rounds: nanoseconds for one frame
//
// `none`: without fences. `acquire`: published before it is finished. `release`: given back before it was read.
// `resize-BYTES`: the queue is resized between BYTES and half of it, and one frame of the new size goes through.
import { createTimeline } from 'dmabuf'
import { connectFrames, inheritLink, linkPair, serveFrames } from 'dmabuf/linux'
import type { FrameQueue, FrameStream } from 'dmabuf/linux'
import { setTimeout as sleep } from 'node:timers/promises'
import { answerRounds, nowNs, timeBatches } from './rounds.js'

const [name = ''] = process.argv.slice(2)
const timeline = createTimeline('work')
let seqno = 0

async function open(lengthBytes: number): Promise<{ queue: FrameQueue; stream: FrameStream }> {
  const [link, fd] = linkPair()
  const queue = await serveFrames(link, { lengthBytes, buffers: 4 })
  const stream = await connectFrames(inheritLink(fd), { fences: 'pass' })
  while (queue.consumers.length === 0) await sleep(1)
  return { queue, stream }
}

const frames: Readonly<Record<string, (queue: FrameQueue, stream: FrameStream) => void>> = {
  none: (queue, stream) => {
    queue.tryDequeue()!.queue()
    stream.tryReceive()!.release()
  },
  acquire: (queue, stream) => {
    queue.tryDequeue()!.queue({ fence: timeline.fence(++seqno) })
    const frame = stream.tryReceive()!
    timeline.signal(seqno)
    frame.release()
  },
  release: (queue, stream) => {
    queue.tryDequeue()!.queue()
    stream.tryReceive()!.release(timeline.fence(++seqno))
    timeline.signal(seqno)
  },
}

async function timeFrames(): Promise<void> {
  const { queue, stream } = await open(64)
  const pass = frames[name]!
  await answerRounds(async (count) => timeBatches(count, () => pass(queue, stream)))
}

async function timeResizes(most: number): Promise<void> {
  const { queue, stream } = await open(most)
  let lengthBytes = most
  await answerRounds(async (count) => {
    const startNs = nowNs()
    for (let i = 0; i < count; i++) {
      lengthBytes = lengthBytes === most ? most / 2 : most
      await queue.resize(lengthBytes)
      const frame = await queue.dequeue()
      frame.queue()
      const received = await stream.receive()
      received!.release()
    }
    return { ns: Math.round((nowNs() - startNs) / count) }
  })
}

const [, bytes] = name.split('resize-')
await (bytes === undefined ? timeFrames() : timeResizes(Number(bytes)))
