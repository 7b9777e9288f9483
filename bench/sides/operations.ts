// Single operations of one process, many times.
//
//   operations NAME CPU          answers rounds: nanoseconds for one
//   operations NAME CPU COUNT    does so many and exits: for strace, which counts system calls
import { createTimeline } from 'dmabuf'
import {
  connectFrames,
  inheritLink,
  linkPair,
  openMemfdHeap,
  receiveTimeline,
  serveFrames,
  shareTimeline,
  type FrameQueue,
} from 'dmabuf/linux'
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { answerBatches, type Batch, nowNs } from './rounds.js'

const FRAME_BYTES = 3840 * 2160 * 4

/** The event loop turns once a batch, within the time: what the garbage of a bracket costs is in it. */
function bracket(lengthBytes: number): Batch {
  const buffer = openMemfdHeap().allocate(lengthBytes)
  let sum = 0
  return async (count) => {
    const startNs = nowNs()
    for (let i = 0; i < count; i++) {
      const access = buffer.tryBeginCpuAccess('read')!
      sum = (sum + access.bytes[0]!) | 0
      access.end()
    }
    await turn()
    return nowNs() - startNs + (sum & 0)
  }
}

/** A queue with one consumer that takes part and never looks. */
async function openQueue(): Promise<FrameQueue> {
  const [link, fd] = linkPair()
  const queue = await serveFrames(link, { lengthBytes: FRAME_BYTES })
  await connectFrames(inheritLink(fd), { mode: 'latest' })
  while (queue.consumers.length === 0) await sleep(1)
  return queue
}

async function dequeue(): Promise<Batch> {
  const queue = await openQueue()
  return (count) => {
    const startNs = nowNs()
    for (let i = 0; i < count; i++) queue.tryDequeue()!.cancel()
    return nowNs() - startNs
  }
}

async function publish(): Promise<Batch> {
  const queue = await openQueue()
  return (count) => {
    const startNs = nowNs()
    for (let i = 0; i < count; i++) queue.tryDequeue()!.queue()
    return nowNs() - startNs
  }
}

async function signalShared(): Promise<Batch> {
  const timeline = createTimeline('bench')
  const [link, fd] = linkPair()
  const sharing = shareTimeline(timeline, link)
  await receiveTimeline(inheritLink(fd))
  await sharing
  let seqno = 0
  return (count) => {
    const startNs = nowNs()
    for (let i = 0; i < count; i++) timeline.signal(++seqno)
    return nowNs() - startNs
  }
}

function createFences(): Batch {
  const timeline = createTimeline('bench')
  let seqno = 0
  return (count) => {
    const startNs = nowNs()
    for (let i = 0; i < count; i++) timeline.fence(++seqno)
    const tookNs = nowNs() - startNs
    timeline.signal(seqno)
    return tookNs
  }
}

function signalFences(): Batch {
  const timeline = createTimeline('bench')
  let seqno = 0
  let called = 0
  const callback = (): void => {
    called++
  }
  return (count) => {
    const first = seqno
    const fences = Array.from({ length: count }, (_, i) => timeline.fence(first + 1 + i))
    const startNs = nowNs()
    for (let i = 0; i < count; i++) {
      fences[i]!.addCallback(callback)
      timeline.signal(++seqno)
    }
    return nowNs() - startNs + (called & 0)
  }
}

function waitForFences(): Batch {
  const timeline = createTimeline('bench')
  let seqno = 0
  return async (count) => {
    const first = seqno
    const fences = Array.from({ length: count }, (_, i) => timeline.fence(first + 1 + i))
    const startNs = nowNs()
    for (let i = 0; i < count; i++) {
      const waiting = fences[i]!.wait()
      timeline.signal(++seqno)
      await waiting
    }
    return nowNs() - startNs
  }
}

async function barePromises(count: number): Promise<number> {
  const startNs = nowNs()
  for (let i = 0; i < count; i++) {
    let resolve: (() => void) | undefined
    const waiting = new Promise<void>((settle) => (resolve = settle))
    resolve?.()
    await waiting
  }
  return nowNs() - startNs
}

const operations: Readonly<Record<string, () => Batch | Promise<Batch>>> = {
  'bracket-4k': () => bracket(4096),
  'bracket-33m': () => bracket(FRAME_BYTES),
  dequeue,
  publish,
  'signal-shared': signalShared,
  'fence-create': createFences,
  'fence-signal': signalFences,
  'fence-wait': waitForFences,
  promise: () => barePromises,
}

const BATCH = 100
const [name = '', , count] = process.argv.slice(2)
const open = operations[name]
if (open === undefined) throw new RangeError(`No such operation: ${name}`)
const batch = await open()
if (count === undefined) {
  await answerBatches(batch, BATCH)
} else {
  await batch(Number(count))
  process.exit()
}
