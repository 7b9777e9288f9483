// Nobody sleeps: both ends call tryReceive() until it brings a frame, and look at no byte.
//
//   frame-poll first|other one|two CPU
//
// `one`: both ends of two queues in this process, in turn. `two`: a process each, and each spins.
import { connectFrames, inheritLink, linkPair, serveFrames } from 'dmabuf/linux'
import type { FrameQueue, FrameStream } from 'dmabuf/linux'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  answerRounds,
  endWithStdin,
  startOther,
  timeBatches,
  timingOf,
  type Timing,
} from './rounds.js'

interface Ends {
  readonly out: FrameQueue
  readonly incoming: FrameStream
}

const [role = '', where = '', cpu = ''] = process.argv.slice(2)
const SHAPE = { lengthBytes: 64, buffers: 3 }

async function openInOne(): Promise<readonly [Ends, Ends]> {
  const [outgoing, readByOther] = linkPair()
  const [back, writtenByOther] = linkPair()
  const [out, forth, echo, incoming] = await Promise.all([
    serveFrames(outgoing, SHAPE),
    connectFrames(inheritLink(readByOther)),
    serveFrames(inheritLink(writtenByOther), SHAPE),
    connectFrames(back),
  ])
  return [
    { out, incoming },
    { out: echo, incoming: forth },
  ]
}

function send(out: FrameQueue): void {
  for (;;) {
    // The frame that came was given back before this one is asked for.
    const frame = out.tryDequeue()
    if (frame === undefined) continue
    frame.queue()
    return
  }
}

/** Looks until a frame is there. Whoever waits for a dead process stops after seconds. */
function receive(incoming: FrameStream): void {
  for (let look = 0; ; look++) {
    const frame = incoming.tryReceive()
    if (frame === undefined) {
      if (look > 100_000_000) throw new Error('No frame came')
      continue
    }
    frame.release()
    return
  }
}

async function runInOne(): Promise<void> {
  const [here, there] = await openInOne()
  while (here.out.consumers.length === 0 || there.out.consumers.length === 0) await sleep(1)
  await answerRounds(async (count) =>
    timeBatches(count, () => {
      send(here.out)
      receive(there.incoming)
      send(there.out)
      receive(here.incoming)
    }),
  )
}

async function runFirst(): Promise<void> {
  const [outgoing, readByOther] = linkPair()
  const [back, writtenByOther] = linkPair()
  const other = startOther(cpu, [where], [readByOther, writtenByOther])
  const out = await serveFrames(outgoing, SHAPE)
  const incoming = await connectFrames(back)
  while (out.consumers.length === 0) await sleep(1)
  const answers = createInterface({ input: other.stdout! })[Symbol.asyncIterator]()
  await answerRounds(async (count): Promise<Timing> => {
    other.stdin!.write(`${count}\n`)
    // It leaves its event loop now.
    await answers.next()
    const samples = new Float64Array(count)
    let lastMs = performance.now()
    for (let i = 0; i < count; i++) {
      send(out)
      receive(incoming)
      const nowMs = performance.now()
      samples[i] = (nowMs - lastMs) * 1e6
      lastMs = nowMs
    }
    return timingOf(samples)
  })
}

async function runOther(): Promise<void> {
  const incoming = await connectFrames(inheritLink(3))
  const out = await serveFrames(inheritLink(4), SHAPE)
  endWithStdin()
  for await (const line of createInterface({ input: process.stdin })) {
    const count = Number(line)
    process.stdout.write('ready\n')
    for (let i = 0; i < count; i++) {
      receive(incoming)
      send(out)
    }
  }
}

if (role === 'other') await runOther().catch(() => {})
else if (where === 'one') await runInOne()
else await runFirst()
