// Fences and bare promises, many times: one process for each kind.
//
//   fences NAME CPU     answers rounds: nanoseconds for one, where a number ends the name for so many together;
//                       bytes in their place for …-bytes
//
// A promise is given the least it needs: its callback is a function that exists already, as a fence's is.
// Of `promises` all callbacks of a batch run in one turn, of `awaited-promises` each is awaited.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Fence } from 'dmabuf'
import { signalFence } from 'dmabuf/framework'
import { answerRounds, nowNs, timingOf } from './rounds.js'

/** Does an operation `count` times, and says what one took. */
type Batch = (count: number) => number | Promise<number>

const OPS = { driverName: 'bench', timelineName: 'bench' }

let called = 0
/** What the callbacks do: the least that cannot be left out. */
const callback = (): void => {
  called = (called + 1) | 0
}

function timed(run: (count: number) => void): Batch {
  return (count) => {
    const startNs = nowNs()
    run(count)
    return (nowNs() - startNs) / count
  }
}

const fences = timed((count) => {
  for (let i = 0; i < count; i++) {
    const fence = new Fence(OPS, 1, i)
    fence.addCallback(callback)
    signalFence(fence)
  }
})

const fencesWithTime = timed((count) => {
  for (let i = 0; i < count; i++) {
    const fence = new Fence(OPS, 1, i)
    fence.addCallback(callback)
    signalFence(fence, undefined, i)
  }
})

const promises: Batch = async (count) => {
  const startNs = nowNs()
  for (let i = 0; i < count; i++) {
    let resolve: (() => void) | undefined
    void new Promise<void>((settle) => (resolve = settle)).then(callback)
    resolve!()
  }
  await Promise.resolve()
  return (nowNs() - startNs) / count
}

const awaitedPromises: Batch = async (count) => {
  const startNs = nowNs()
  for (let i = 0; i < count; i++) {
    let resolve: (() => void) | undefined
    const isCalled = new Promise<void>((settle) => (resolve = settle)).then(callback)
    resolve!()
    await isCalled
  }
  return (nowNs() - startNs) / count
}

const fenceWaits: Batch = async (count) => {
  const startNs = nowNs()
  for (let i = 0; i < count; i++) {
    const fence = new Fence(OPS, 1, i)
    const waiting = fence.wait()
    signalFence(fence)
    await waiting
  }
  return (nowNs() - startNs) / count
}

const promiseWaits: Batch = async (count) => {
  const startNs = nowNs()
  for (let i = 0; i < count; i++) {
    let resolve: (() => void) | undefined
    const waiting = new Promise<void>((settle) => (resolve = settle))
    resolve!()
    await waiting
  }
  return (nowNs() - startNs) / count
}

/** All pending at once, then all signalled: what grows with their number shows. */
const pendingFences = timed((count) => {
  const pending: Fence[] = []
  for (let i = 0; i < count; i++) {
    const fence = new Fence(OPS, 1, i)
    fence.addCallback(callback)
    pending.push(fence)
  }
  for (let i = 0; i < count; i++) signalFence(pending[i]!)
})

const pendingPromises: Batch = async (count) => {
  const startNs = nowNs()
  const pending: (() => void)[] = []
  for (let i = 0; i < count; i++)
    void new Promise<void>((resolve) => pending.push(resolve)).then(callback)
  for (let i = 0; i < count; i++) pending[i]!()
  await Promise.resolve()
  return (nowNs() - startNs) / count
}

/** Many callbacks of one fence: added, half of them taken back here and there, the rest called. */
const callbacks = timed((count) => {
  const fence = new Fence(OPS, 1, 1)
  const all = Array.from({ length: count }, () => () => callback())
  for (const one of all) fence.addCallback(one)
  // A stride that shares no factor with the count visits each place once, far from the one before.
  for (let i = 0; i < count / 2; i++) fence.removeCallback(all[(i * 617) % count]!)
  signalFence(fence)
})

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Bytes of one, its callback shared by all. */
function bytesOf(make: (index: number) => unknown): Batch {
  return (count) => {
    const all: unknown[] = new Array<unknown>(count).fill(undefined)
    collect()
    const before = process.memoryUsage().heapUsed
    for (let i = 0; i < count; i++) all[i] = make(i)
    collect()
    return (process.memoryUsage().heapUsed - before) / all.length
  }
}

const fenceBytes = bytesOf((index) => {
  const fence = new Fence(OPS, 1, index)
  fence.addCallback(callback)
  return fence
})

const promiseBytes = bytesOf(() => {
  const promise = new Promise<void>(() => {})
  void promise.then(callback)
  return promise
})

const K = 1000
const M = 1000 * K

/** What is done, and how many of it at a time. */
const kinds: Readonly<Record<string, readonly [Batch, number]>> = {
  fences: [fences, 100],
  'fences-with-time': [fencesWithTime, 100],
  promises: [promises, 100],
  'awaited-promises': [awaitedPromises, 100],
  'fence-waits': [fenceWaits, 100],
  'promise-waits': [promiseWaits, 100],
  'pending-fences-1000': [pendingFences, K],
  'pending-fences-1000000': [pendingFences, M],
  'pending-promises-1000': [pendingPromises, K],
  'pending-promises-1000000': [pendingPromises, M],
  'callbacks-1000': [callbacks, K],
  'callbacks-100000': [callbacks, 100 * K],
  'fence-bytes-100000': [fenceBytes, 100 * K],
  'promise-bytes-100000': [promiseBytes, 100 * K],
}

const [name = ''] = process.argv.slice(2)
const [batch, size] = kinds[name] ?? []
if (batch === undefined || size === undefined) throw new RangeError(`No such kind: ${name}`)
// The first batches run in slow code, and would pass for long ones.
if (size > 100) for (let i = 0; i < 100; i++) await batch(Math.min(size, 1000))
// Small ones by the hundred. Of large ones a whole batch is the operation: it is a round by itself.
await answerRounds(async (total) => {
  const isLarge = size > 100
  const samples = new Float64Array(Math.max(1, Math.floor(total / (isLarge ? 1 : size))))
  for (let i = 0; i < samples.length; i++) samples[i] = await batch(size)
  return { ns: timingOf(samples).ns * (isLarge ? size : 1) }
})
