// A thread that means harm, in a process that does not.
import { setTimeout as delay } from 'node:timers/promises'
import { BroadcastChannel, parentPort } from 'node:worker_threads'
import type { FramePort } from '#src/frames/frame-port.js'
import { openFramePort, type Frame } from '#src/linux/index.js'
import { createFrameQueue } from '#src/threads/index.js'
import type { MemoryPort } from '#src/threads/memory-port.js'
import type { Random } from '../../tests/helpers/random.js'
import { evilWord } from './evil.js'
import { behave, install, scribble, slip } from './mutant.js'

/** What a thread is told to do with a port that it gets, or makes and sends back. */
export interface Order {
  readonly seed: number
  /** Absent: make one. */
  readonly port?: FramePort
  /** Also what all sides of a port may write. */
  readonly tramples?: boolean
}

const STEPS = 40
const TYPES = ['join', 'welcome', 'buffers', 'goodbye', 'gone', 'constructor', 7, undefined]
const SIDES = ['producer', 'consumer', undefined, 'nobody']
const VALUES = [0, 1, -1, 63, 64, 1.5, NaN, 2 ** 53, '', 'fifo', 'latest', null, undefined, []]

process.on('unhandledRejection', () => {})
process.on('uncaughtException', () => {})
install()

parentPort?.on('message', (order: Order) => {
  const random = slip(order.seed)
  const attack = order.port === undefined ? serve(random) : open(order.port, order, random)
  void attack
    .catch(() => {})
    .then(() => {
      behave()
      parentPort?.postMessage('done')
    })
})

async function open(port: FramePort, order: Order, random: Random): Promise<void> {
  using channel = new Channel(port, random)
  const mode = random.pick(['fifo', 'latest'] as const)
  if (random.chance(0.2)) channel.post()
  const stream = await openFramePort(port, { mode, timeoutMs: 200 })
  const isLink = (port as { kind?: unknown }).kind === 'link'
  const held: Frame[] = []
  try {
    for (let step = random.below(STEPS); step > 0; step--) {
      const frame = random.chance(0.6) ? stream.tryReceive() : undefined
      if (frame !== undefined) held.push(frame)
      if (random.chance(0.6)) held.shift()?.release()
      if (random.chance(0.5)) scribble(random.below(12))
      if (random.chance(0.5)) trample(port, order.tramples === true, random)
      if (random.chance(0.1)) channel.post()
      await delay(random.below(2))
    }
  } finally {
    // What it keeps of the kernel's would be the process's for as long as it lives.
    if (isLink || random.chance(0.7)) await stream.close()
  }
}

/** A queue of our own, whose port is not what it should be. */
async function serve(random: Random): Promise<void> {
  await using queue = createFrameQueue({ lengthBytes: 1024, buffers: 4 })
  const port = queue.port()
  using channel = new Channel(port, random)
  parentPort?.postMessage({ port: random.chance(0.4) ? spoilt(port, random) : port })
  for (let step = STEPS; step > 0; step--) {
    queue.tryDequeue()?.queue()
    if (random.chance(0.5)) trample(port, true, random)
    if (random.chance(0.1)) channel.post()
    await delay(random.below(4))
  }
}

function spoilt(port: FramePort, random: Random): FramePort {
  const memory = new SharedArrayBuffer(random.pick([0, 1, 4, 5, 64, 4096]))
  const key = random.pick(['kind', 'name', 'claim', 'bells', 'queue', 'own', 'memories', 'fd'])
  return { ...port, [key]: random.pick<unknown>([memory, [memory], ...VALUES, 'link']) }
}

/** Writes anything anywhere into the memory of a port. */
function trample(port: FramePort, everything: boolean, random: Random): void {
  const { own, bells, queue, memories } = port as Partial<MemoryPort>
  const pages = everything ? [own, bells, queue, ...(memories ?? [])] : [own, bells]
  for (let i = random.below(10); i > 0; i--) {
    const page = random.pick(pages)
    if (page === undefined) return
    const words = new Int32Array(page)
    const at = random.below(random.chance(0.5) ? Math.min(48, words.length) : words.length)
    words[at] = evilWord(random, words[at])
  }
}

/** The words of a port, all of them wrong. */
class Channel implements Disposable {
  readonly #channel: BroadcastChannel | undefined
  readonly #random: Random

  constructor(port: FramePort, random: Random) {
    const { name } = port as Partial<MemoryPort>
    this.#random = random
    if (name !== undefined) this.#channel = new BroadcastChannel(name)
    this.#channel?.unref()
  }

  post(): void {
    const random = this.#random
    const value = (): unknown => random.pick<unknown>(VALUES)
    const entry = { slot: value(), serial: value(), lengthBytes: value(), memory: value() }
    const message = {
      to: random.pick(SIDES),
      type: random.pick(TYPES),
      mode: value(),
      maxHeld: value(),
      errno: value(),
      reason: value(),
      consumerIndex: value(),
      slotCount: value(),
      firstTicket: value(),
      entries: random.pick<unknown>([[entry], [], [null], value()]),
    }
    this.#channel?.postMessage(random.chance(0.8) ? message : value())
  }

  [Symbol.dispose](): void {
    this.#channel?.close()
  }
}
