import { setTimeout as delay } from 'node:timers/promises'
import { createTimeline, DmaBufError, type DmaBuf } from '#src/index.js'
import { errnoName } from '#src/core/errors.js'
import {
  connectFrames,
  connectLink,
  joinDomain,
  receiveFence,
  receiveTimeline,
  serveFrames,
  serveLinks,
  shareFence,
  shareTimeline,
  type Frame,
  type Link,
} from '#src/linux/index.js'
import { native } from '#src/linux/native.js'
import { encodeFenceOffer } from '#src/interprocess/fence-message.js'
import { encodeHello, OUR_HELLO } from '#src/interprocess/hello.js'
import { decodeMessage, encodeMessage, MessageType } from '#src/interprocess/link-message.js'
import { Random } from '../../tests/helpers/random.js'
import { evilFds, evilMessage, evilWord, garbage } from './evil.js'
import { behave, scribble, slip } from './mutant.js'
import { serveWhile } from './serving.js'

/** How an honest peer answered: the errno and the reason of its goodbye. */
export interface Refusal {
  readonly code: string
  readonly reason: string
}

/** What a hostile peer pretends to be. */
export type Disguise = 'viewer' | 'watcher' | 'member' | 'exchanger'

const STEPS = 12

/** A peer that says anything to whoever serves a path, and hangs up. */
export async function makeNoise(path: string, seed: number): Promise<readonly Refusal[]> {
  const random = new Random(seed)
  const fd = native().connect(path)
  if (fd < 0) return []
  const refusals: Refusal[] = []
  // That of the first version gets it no further than to user messages.
  const says = random.chance(0.9) ? encodeHello(OUR_HELLO) : new Uint8Array(0)
  const hello = encodeMessage(MessageType.hello, 0, says)
  const say = (bytes: Uint8Array, fds: readonly number[] = []): void => {
    native().send(fd, bytes, bytes.length, Int32Array.from(fds))
    for (const one of fds) native().close(one)
  }
  if (random.chance(0.9)) say(random.chance(0.1) ? evilMessage(random, hello) : hello)
  for (let step = random.below(STEPS); step > 0; step--) {
    say(garbage(random), evilFds(random, 5))
    if (random.chance(0.3)) await delay(random.below(3))
    hear(fd, refusals)
  }
  if (random.chance(0.5)) {
    await delay(random.below(8))
    hear(fd, refusals)
  }
  native().close(fd)
  return refusals
}

/** Connects a great many times and says nothing, or next to nothing; hangs up soon. */
export async function flood(path: string, seed: number): Promise<void> {
  const random = new Random(seed)
  const fds: number[] = []
  const hello = encodeMessage(MessageType.hello, 0, new Uint8Array(0))
  for (let i = random.pick([20, 100, 400]); i > 0; i--) {
    const fd = native().connect(path)
    if (fd >= 0) fds.push(fd)
    const said = random.pick([undefined, undefined, hello, garbage(random)])
    if (fd >= 0 && said !== undefined) native().send(fd, said, said.length)
    if (random.chance(0.2)) native().close(fds.splice(random.below(fds.length), 1)[0] ?? -1)
    if (random.chance(0.05)) await delay(random.below(3))
  }
  await delay(random.below(300))
  for (const fd of fds) native().close(fd)
}

function hear(fd: number, refusals: Refusal[]): void {
  const bytes = new Uint8Array(65_536)
  const ancillary = new Int32Array(257)
  for (;;) {
    const received = native().receive(fd, bytes, ancillary)
    for (let i = 0; received >= 0 && i < (ancillary[0] ?? 0); i++) native().close(ancillary[4 + i]!)
    if (received <= 0) return
    const { type, argument, payload } = decodeMessage(bytes.slice(0, received))
    if (type !== MessageType.goodbye) continue
    refusals.push({
      code: argument === 0 ? 'goodbye' : errnoName(argument),
      reason: new TextDecoder().decode(payload),
    })
  }
}

/** A peer that joins as it should, with hands that slip; stays so long, scribbling. */
export async function slipIn(
  disguise: Disguise,
  path: string,
  { seed, stayMs }: { seed: number; stayMs: number },
): Promise<readonly Refusal[]> {
  const random = slip(seed)
  try {
    await DISGUISES[disguise](path, random, stayMs)
    return []
  } catch (error) {
    const { code, message } = error as { code?: unknown; message?: unknown }
    return [{ code: String(code), reason: String(message) }]
  } finally {
    behave()
  }
}

async function beViewer(path: string, random: Random, stayMs: number): Promise<void> {
  const mode = random.pick(['fifo', 'latest'] as const)
  const maxHeld = 1 + random.below(2)
  const stream = await connectFrames(path, { mode, maxHeld, timeoutMs: 500 })
  const endMs = performance.now() + stayMs
  const held: Frame[] = []
  const work = createTimeline('evil')
  try {
    for (let step = random.below(30); step > 0 || performance.now() < endMs; step--) {
      const frame = random.chance(0.6) ? stream.tryReceive() : undefined
      if (frame !== undefined) held.push(frame)
      // Also with fences that never signal.
      if (random.chance(0.5)) held.shift()?.release(random.chance(0.3) ? work.fence() : undefined)
      if (random.chance(0.5)) scribble(random.below(20))
      if (random.chance(0.2) || step <= 0) await delay(random.below(2))
    }
  } finally {
    await stream.close()
  }
}

async function beWatcher(path: string, random: Random, stayMs: number): Promise<void> {
  const link = await connectLink(path)
  const endMs = performance.now() + stayMs
  try {
    const timeline = await receiveTimeline(link, { timeoutMs: 300 })
    for (let step = random.below(20); step > 0 || performance.now() < endMs; step--) {
      timeline.fence(timeline.value + 1 + random.below(5)).addCallback(() => {})
      if (random.chance(0.5)) scribble(random.below(20))
      if (random.chance(0.3) || step <= 0) await delay(random.below(2))
    }
    if (random.chance(0.5)) timeline.close()
  } finally {
    await link.close()
  }
}

async function beMember(path: string, random: Random, stayMs: number): Promise<void> {
  const domain = await joinDomain(path, { timeoutMs: 500 })
  const endMs = performance.now() + stayMs
  const work = createTimeline('evil')
  const buffers: DmaBuf[] = []
  const wait = { timeoutMs: 100 }
  try {
    for (const name of ['buffer 0', 'buffer 1']) buffers.push(await domain.open(name, wait))
    for (let step = random.below(20); step > 0 || performance.now() < endMs; step--) {
      const held = await random
        .pick(buffers)
        .reservation.lock(wait)
        .catch(() => undefined)
      if (random.chance(0.5)) scribble(random.below(20))
      if (held !== undefined) {
        held.reserve(1)
        held.add(work.fence(work.value + 1), random.pick(['kernel', 'write', 'read'] as const))
        if (random.chance(0.8)) held.release()
      }
      if (random.chance(0.5)) work.signal(work.value + 1)
      if (random.chance(0.3)) await delay(random.below(2))
    }
  } finally {
    work.close()
    for (const buffer of buffers) buffer.close()
    await domain.close()
  }
}

async function beExchanger(path: string, random: Random, stayMs: number): Promise<void> {
  const link = await connectLink(path)
  const endMs = performance.now() + stayMs
  const work = createTimeline('evil')
  const taking = takeFences(link)
  try {
    for (let step = random.below(30); step > 0 || performance.now() < endMs; step--) {
      const fence = work.fence(work.value + 1 + random.below(3))
      const sharing = shareFence(fence, link, { timeoutMs: 50 }).catch(() => {})
      if (random.chance(0.5)) await sharing
      if (random.chance(0.2)) await offerNothing(link, random)
      if (random.chance(0.5)) work.signal(work.value + 1)
      if (random.chance(0.1)) work.fail(work.value + 1, new DmaBufError('EIO', 'evil', 'It failed'))
      if (random.chance(0.5)) scribble(random.below(20))
      if (random.chance(0.3) || step <= 0) await delay(random.below(2))
    }
  } finally {
    await link.close()
    await taking
    work.close()
  }
}

/** Offers a fence that is none. */
async function offerNothing(link: Link, random: Random): Promise<void> {
  const type = random.pick([MessageType.fenceShare, MessageType.timelineShare])
  const name = new TextEncoder().encode(random.pick(['evil', '', 'two\nlines', 'x'.repeat(300)]))
  const names = { driverName: name, timelineName: name }
  const offer = { slot: evilWord(random), generation: evilWord(random, 1), ...names }
  await link.post(type, encodeFenceOffer(offer), { argument: evilWord(random), timeoutMs: 50 })
}

async function takeFences(link: Link): Promise<void> {
  try {
    for (;;) (await receiveFence(link)).addCallback(() => {})
  } catch {
    // The link has ended, or what came was too spoilt.
  }
}

const DISGUISES = {
  viewer: beViewer,
  watcher: beWatcher,
  member: beMember,
  exchanger: beExchanger,
}

/** Serves what looks like a queue, until stopServing(). */
export async function serveEvilFrames(path: string, seed: number): Promise<void> {
  const random = slip(seed)
  const options = { lengthBytes: 4096, buffers: 3 + random.below(4) }
  const format = { fourcc: 'NV12', width: 64, height: 32 }
  const queue = await serveFrames(path, random.chance(0.5) ? options : { ...options, format })
  const work = createTimeline('evil')
  const publish = async (): Promise<void> => {
    const frame = queue.tryDequeue()
    const damage = [{ x: 0, y: 0, width: 8, height: 8 }]
    const fence = random.chance(0.3) ? { fence: work.fence() } : {}
    const more = random.chance(0.3) && frame?.format !== undefined ? { damage } : {}
    frame?.queue({ ...fence, ...more })
    if (random.chance(0.5)) work.signal(work.value + 1)
    if (random.chance(0.05)) await queue.resize(random.chance(0.5) ? format : 8192)
    if (random.chance(0.4)) scribble(random.below(12))
    await delay(random.below(3))
  }
  serveWhile(publish, () => queue.close())
}

/** Serves what looks like a timeline, until stopServing(). */
export async function serveEvilTimeline(path: string, seed: number): Promise<void> {
  const random = slip(seed)
  const timeline = createTimeline('evil')
  const listener = await serveLinks(path)
  const serve = async (): Promise<void> => {
    for await (const link of listener) {
      link.onEnd(() => void link.close())
      void shareTimeline(timeline, link, { timeoutMs: 500 }).catch(() => {})
    }
  }
  const signal = async (): Promise<void> => {
    timeline.signal(timeline.value + 1 + random.below(3))
    if (random.chance(0.4)) scribble(random.below(12))
    await delay(random.below(3))
  }
  void serve().catch(() => {})
  serveWhile(signal, async () => {
    if (random.chance(0.5)) timeline.close()
    await listener.close()
  })
}
