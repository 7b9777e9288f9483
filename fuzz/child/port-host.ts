import { join } from 'node:path'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { FramePort } from '#src/frames/frame-port.js'
import { createFrameQueue, openFramePort, type FrameStream } from '#src/linux/index.js'
import { closeFramePort, createFrameQueue as createMemoryQueue } from '#src/threads/index.js'
import { Random } from '../../tests/helpers/random.js'
import { endOf, look, type Visit } from './guest.js'
import type { Order } from './hostile-worker.js'

const HOSTILE = join(import.meta.dirname, 'hostile-worker.js')
const SHAPE = { lengthBytes: 1024, buffers: 8 }
const SLOW_MS = 200
const FRAMES = 30
/** Longer than anything takes. */
const PATIENCE_MS = 10_000
const STUCK_MS = 5000

let worker: Worker | undefined

/** A queue of this thread, with a reader that means well, and a port to a thread that does not. */
export async function shareWithThread(seed: number): Promise<Visit> {
  const random = new Random(seed)
  const isMemory = random.chance(0.6)
  const tramples = isMemory && random.chance(0.5)
  const violations: string[] = []
  let seen = 0
  const end = await endOf(async () => {
    const options = { ...SHAPE, slowConsumer: { afterMs: SLOW_MS, then: 'disconnect' as const } }
    await using queue = isMemory ? createMemoryQueue(options) : createFrameQueue(options)
    await using stream = await openFramePort(queue.port(), { maxHeld: 2 })
    const port = queue.port()
    const attacked = attack({ port, seed, tramples })
    for (let i = 1; i <= FRAMES; i++) {
      using frame = await queue.dequeue({ timeoutMs: tramples ? 300 : PATIENCE_MS })
      frame.bytes.fill(i)
      frame.queue()
      seen += await readFrame(stream, { wanted: i, tramples, violations })
      if (i % 4 === 0) await delay(1)
    }
    if (isMemory && random.chance(0.1)) await terminate()
    await attacked
    closeFramePort(port)
  })
  if (!tramples && end.code !== '') violations.push(`the honest side ended with ${end.code}`)
  return { seen, violations, ...end }
}

async function readFrame(
  stream: FrameStream,
  how: { wanted: number; tramples: boolean; violations: string[] },
): Promise<number> {
  using frame = await stream.receive({ timeoutMs: how.tramples ? 300 : PATIENCE_MS })
  if (frame === undefined) return 0
  look(frame, how.violations)
  // Who has all the memory may change all of it.
  if (!how.tramples && !frame.bytes.every((byte) => byte === how.wanted))
    how.violations.push(`frame ${how.wanted} has other bytes`)
  return 1
}

/** Reads a queue of a thread that means harm. */
export async function openOfThread(seed: number): Promise<Visit> {
  const violations: string[] = []
  let seen = 0
  const posted = new Promise<FramePort | undefined>((resolve) => {
    threadOf().on('message', (message: 'done' | { port: FramePort }) => {
      resolve(message === 'done' ? undefined : message.port)
    })
  })
  const attacked = attack({ seed })
  const port = await posted
  const end = await endOf(async () => {
    if (port === undefined) return
    await using stream = await openFramePort(port, { timeoutMs: 300 })
    for (let i = 0; i < FRAMES; i++) {
      using frame = await stream.receive({ timeoutMs: 100 })
      if (frame === undefined) return
      look(frame, violations)
      seen++
    }
  })
  await attacked
  return { seen, violations, ...end }
}

function threadOf(): Worker {
  worker ??= new Worker(HOSTILE)
  return worker
}

/** Has a thread attack; resolves when it is done, or dead. */
async function attack(order: Order): Promise<void> {
  const thread = threadOf()
  const isDone = new Promise<void>((resolve) => {
    thread.on('message', (message: unknown) => {
      if (message === 'done') resolve()
    })
  })
  const watch = new AbortController()
  const isDead = once(thread, 'exit', { signal: watch.signal }).then(
    () => {},
    () => {},
  )
  thread.postMessage(order)
  const isStuck = delay(STUCK_MS, true, { signal: watch.signal }).catch(() => false)
  // One that has hurt itself is not waited for.
  if ((await Promise.race([isDone, isDead, isStuck])) === true) await terminate()
  watch.abort()
  thread.removeAllListeners('message')
}

async function terminate(): Promise<void> {
  const thread = worker
  worker = undefined
  await thread?.terminate()
}
