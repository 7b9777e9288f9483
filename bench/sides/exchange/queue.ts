import {
  connectFrames,
  inheritLink,
  linkPair,
  serveFrames,
  type FrameQueue,
  type FrameStream,
} from 'dmabuf/linux'
import { setTimeout as sleep } from 'node:timers/promises'
import { startOther } from '../rounds.js'
import { fill, look, type Channel, type Setup } from './channel.js'

/** Two frame queues, one each way, with callbacks. */
export async function openQueues(setup: Setup): Promise<Channel> {
  return channelOf(setup, await (setup.first ? openFirst(setup) : openOther(setup)))
}

/** Frames go out by one queue and come in by another. */
export function channelOf({ work, first }: Setup, { out, incoming }: Ends): Channel {
  return {
    send: (value) => {
      const frame = out.tryDequeue()
      if (frame === undefined) throw new Error('No free buffer')
      if (work !== 'none') fill(frame.bytes, value, work)
      frame.queue()
    },
    receive: (arrived) => {
      incoming.subscribe(
        (frame) => {
          if (work !== 'none') look(frame.bytes, work)
          frame.release()
          arrived()
        },
        (error) => {
          if (error !== undefined && first) console.error(error)
          process.exit(error === undefined ? 0 : 1)
        },
      )
    },
  }
}

/** Of the two queues between two sides. */
export interface Ends {
  readonly out: FrameQueue
  readonly incoming: FrameStream
}

// One is held, one is the newest, one is being filled.
const BUFFERS = 3

async function openFirst({ lengthBytes, cpu, args }: Setup): Promise<Ends> {
  const [outgoing, readByOther] = linkPair()
  const [back, writtenByOther] = linkPair()
  startOther(cpu, args, [readByOther, writtenByOther])
  const out = await serveFrames(outgoing, { lengthBytes, buffers: BUFFERS })
  const incoming = await connectFrames(back)
  while (out.consumers.length === 0) await sleep(1)
  return { out, incoming }
}

async function openOther({ lengthBytes }: Setup): Promise<Ends> {
  const incoming = await connectFrames(inheritLink(3))
  const out = await serveFrames(inheritLink(4), { lengthBytes, buffers: BUFFERS })
  return { out, incoming }
}
