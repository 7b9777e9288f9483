import { fork } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { serveFrames } from '../../linux/index.js'
import { makeScratchFolder } from './scratch-folder.js'

/** How long one 3840x2160 YU12 frame took to reach another process, in µs; medians of one run. */
export interface Comparison {
  readonly frameBytes: number
  readonly queueP50Us: number
  readonly ipcP50Us: number
}

/** What the peer sends back for each frame. */
export interface PeerAnswer {
  readonly us: number
}

const ROUNDS = 15
const FORMAT = { fourcc: 'YU12', width: 3840, height: 2160 } as const
const PEER = fileURLToPath(new URL('compare-peer.js', import.meta.url))

/** Hands frames of 3840x2160 to another process, in turns through a queue and through child_process IPC. */
export async function compareHandoff(signal: AbortSignal): Promise<Comparison> {
  const folder = makeScratchFolder()
  const socket = join(folder, 'queue.sock')
  await using queue = await serveFrames(socket, { format: FORMAT, buffers: 4 })
  const peer = fork(PEER, [socket], { serialization: 'advanced', stdio: 'inherit' })
  const exited = once(peer, 'exit')
  const stop = (): void => {
    peer.kill()
  }
  signal.addEventListener('abort', stop)
  try {
    const answer = answers(peer)
    await answer()
    const picture = Buffer.alloc(queue.lengthBytes, 128)
    const queueUs: number[] = []
    const ipcUs: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      using frame = await queue.dequeue({ signal })
      frame.bytes.set(picture)
      frame.queue()
      queueUs.push((await answer()).us)
      peer.send({ atNs: process.hrtime.bigint(), picture })
      ipcUs.push((await answer()).us)
    }
    return { frameBytes: queue.lengthBytes, queueP50Us: median(queueUs), ipcP50Us: median(ipcUs) }
  } finally {
    signal.removeEventListener('abort', stop)
    peer.kill()
    await exited
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The peer's answers, one by one; rejects when it is gone. */
function answers(peer: ReturnType<typeof fork>): () => Promise<PeerAnswer> {
  const arrived: PeerAnswer[] = []
  let wake = (): void => {}
  let gone = false
  peer.on('message', (message) => {
    arrived.push(message as PeerAnswer)
    wake()
  })
  peer.once('exit', () => {
    gone = true
    wake()
  })
  return async () => {
    while (arrived.length === 0) {
      if (gone) throw new Error('The process to compare with ended early')
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
    return arrived.shift()!
  }
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN
}
