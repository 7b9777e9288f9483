import { parentPort } from 'node:worker_threads'
import * as linux from 'dmabuf/linux'
import * as threads from 'dmabuf/threads'
import { channelOf } from './queue.js'
import type { Channel, Setup } from './channel.js'
import { startWorker } from './workers.js'

// One is held, one is the newest, one is being filled.
const BUFFERS = 3

/** Two frame queues between two threads, one each way: over mapped memory, or a SharedArrayBuffer. */
export async function openThreadQueues(setup: Setup, how: 'mapped' | 'shared'): Promise<Channel> {
  const { createFrameQueue, openFramePort } = how === 'mapped' ? linux : threads
  const { first, lengthBytes } = setup
  const other = first ? await startWorker(setup) : parentPort!
  const out = createFrameQueue({ lengthBytes, buffers: BUFFERS })
  const arriving = new Promise<linux.FramePort>((resolve) => other.once('message', resolve))
  other.postMessage(out.port())
  const incoming = await openFramePort(await arriving)
  return channelOf(setup, { out, incoming })
}
