// Hubs of domains that mean harm: honest ones whose hands slip, and ones that say what no hub says.
import { setTimeout as delay } from 'node:timers/promises'
import { createTimeline, type DmaBuf } from '#src/index.js'
import { decodeDomain, DomainOp, encodeDomain } from '#src/interprocess/domain-message.js'
import { MessageType } from '#src/interprocess/link-message.js'
import { initMemberPage, MEMBER_EPOCH, MemberLayout } from '#src/interprocess/member-page.js'
import { Doorbell } from '#src/linux/doorbell.js'
import { joinDomain, openMemfdHeap, serveDomain, type Domain } from '#src/linux/index.js'
import { Lifeline } from '#src/linux/lifeline.js'
import { LinkServer } from '#src/linux/link-server.js'
import type { Link } from '#src/linux/link.js'
import { createMemfd } from '#src/linux/memfd.js'
import { OwnedFd } from '#src/linux/owned-fd.js'
import { OwnPage } from '#src/linux/own-page.js'
import { Random } from '../../tests/helpers/random.js'
import { evilFds, evilWord, garbage } from './evil.js'
import { behave, scribble, slip } from './mutant.js'
import { serveUntil, serveWhile } from './serving.js'

const SHAPE = { slots: 64, buffers: 4, members: 4 }
const BUFFER_BYTES = 4096
const NAMES = ['buffer 0', 'buffer 1']
const LIES = 25
/** What a hub says, once a member has joined. */
const SAYS = [DomainOp.member, DomainOp.welcome, DomainOp.evicted, DomainOp.bell, DomainOp.buffer]
/** How long some are honest, so that others come to rely on them. */
const HONEST_MS = 100

/** Serves what looks like a domain, until stopServing(). */
export async function serveEvilDomain(path: string, seed: number): Promise<void> {
  if (new Random(seed ^ 7).chance(0.5)) await serveSlipping(path, seed)
  else serveLiar(path, new Random(seed))
}

/** A hub and another member, both with hands that slip. */
async function serveSlipping(path: string, seed: number): Promise<void> {
  const random = slip(seed)
  const endMs = performance.now() + (random.chance(0.6) ? HONEST_MS : 0)
  if (performance.now() < endMs) behave()
  const hub = await serveDomain(path, SHAPE)
  const heap = openMemfdHeap({ name: 'evil' })
  const shared: DmaBuf[] = []
  const domains: Domain[] = [hub]
  const begin = async (): Promise<void> => {
    for (const name of NAMES) {
      const buffer = heap.allocate(BUFFER_BYTES)
      shared.push(buffer)
      await hub.share(buffer, name)
    }
    const member = await joinDomain(path, { timeoutMs: 300 })
    domains.push(member)
    for (const name of NAMES) shared.push(await member.open(name, { timeoutMs: 100 }))
  }
  const begun = begin().catch(() => {})
  const work = createTimeline('evil')
  let isWaiting = true
  serveWhile(
    async () => {
      const isHonest = performance.now() < endMs
      if (!isHonest && isWaiting) slip(seed)
      isWaiting = isHonest
      if (shared.length > 0 && !isHonest) await disturb(random.pick(shared), work, random)
      if (random.chance(0.02)) hub.evict(1 + random.below(3), 'no reason')
      await delay(random.below(3))
    },
    async () => {
      await begun
      work.close()
      for (const buffer of shared) buffer.close()
      for (const domain of domains.reverse()) await domain.close()
    },
  )
}

async function disturb(
  buffer: DmaBuf,
  work: ReturnType<typeof createTimeline>,
  random: Random,
): Promise<void> {
  const held = await buffer.reservation.lock({ timeoutMs: 20 }).catch(() => undefined)
  if (random.chance(0.5)) scribble(random.below(12))
  if (held !== undefined) {
    held.reserve(1)
    held.add(work.fence(work.value + 1), random.pick(['kernel', 'write', 'read'] as const))
    if (random.chance(0.8)) held.release()
  }
  if (random.chance(0.6)) work.signal(work.value + 1)
}

/** A hub that lies about members, buffers, epochs, bells and evictions, with some truth in between. */
function serveLiar(path: string, random: Random): void {
  const links = new Set<Link>()
  const server = new LinkServer(path, {}, (link) => {
    links.add(link)
    link.onEnd(() => void link.close())
    void lieTo(link, random).catch(() => {})
  })
  serveUntil(async () => {
    server.close()
    for (const link of links) await link.close()
  })
}

async function lieTo(link: Link, random: Random): Promise<void> {
  using own = new Truth()
  const offer = { index: 1, generation: 1, count: SHAPE.slots, length: SHAPE.buffers, flags: 4 }
  await own.say(link, DomainOp.offer, offer)
  const join = await link.next(MessageType.domain, { timeoutMs: 500 })
  for (const fd of join?.fds ?? []) fd.close()
  if (random.chance(0.9)) await own.say(link, DomainOp.member, { generation: 1 }, own.person())
  if (random.chance(0.8)) await own.say(link, DomainOp.welcome)
  link.listen(MessageType.domain, ({ payload, fds }) => {
    for (const fd of fds) fd.close()
    const { op, count } = decodeDomain(payload)
    const isAsked = op === DomainOp.open || op === DomainOp.share || op === DomainOp.ready
    if (!isAsked || random.chance(0.2)) return
    const length = random.pick([4096, 4096, 4096, 4097, 0])
    const answer = { count, index: random.pick([0, 1, 1, 2, 3, 4, 1024, 2 ** 31]), length }
    void own.say(link, DomainOp.buffer, answer, own.memory()).catch(() => {})
  })
  for (let lie = 0; lie < LIES && link.end === undefined; lie++) {
    await own.lie(link, random)
    await delay(random.below(8))
  }
}

/** What a hub has to show, and the lies about it. */
class Truth implements Disposable {
  readonly #layout = new MemberLayout(SHAPE)
  readonly #page = new OwnPage('evil', this.#layout.lengthBytes)
  readonly #lifeline = new Lifeline()
  readonly #bell = new Doorbell()

  constructor() {
    initMemberPage(this.#page.words, this.#layout)
  }

  person(): OwnedFd[] {
    return [this.#page.fd.dup(), this.#lifeline.end.dup()]
  }

  memory(): OwnedFd[] {
    return [createMemfd('evil', BUFFER_BYTES)]
  }

  /** @param fds - moved */
  async say(
    link: Link,
    op: number,
    fields: Parameters<typeof encodeDomain>[1] = {},
    fds: readonly OwnedFd[] = [],
  ): Promise<void> {
    try {
      const payload = encodeDomain(op, fields)
      await link.post(MessageType.domain, payload, { fds, timeoutMs: 100 })
    } finally {
      for (const fd of fds) fd.close()
    }
  }

  async lie(link: Link, random: Random): Promise<void> {
    const { words } = this.#page
    if (random.chance(0.3)) words.store(MEMBER_EPOCH, random.below(6))
    if (random.chance(0.3)) words.store(random.below(words.length), evilWord(random))
    if (random.chance(0.02))
      await link.post(MessageType.domain, garbage(random).subarray(0, 300), { timeoutMs: 100 })
    const op = random.chance(0.95) ? random.pick(SAYS) : random.below(13)
    const fields = {
      index: random.chance(0.9) ? random.pick([0, 2, 3]) : random.pick([1, 4, 31, 2 ** 31]),
      generation: random.below(3),
      epoch: random.below(6),
      count: random.below(5),
      flags: random.pick([0, 0, 0, 2, 28, 5000, -1]),
      length: random.pick([0, 4096, 4096, 4097, 2 ** 31, 2 ** 53 - 1]),
      text: new TextEncoder().encode(random.pick(['', 'buffer 0', 'two\nlines'])),
    }
    await this.say(link, op, fields, this.#fdsFor(op, random))
  }

  #fdsFor(op: number, random: Random): OwnedFd[] {
    if (random.chance(0.1)) return evilFds(random, 3).map((fd) => OwnedFd.adopt(fd))
    if (op === DomainOp.member) return this.person()
    if (op === DomainOp.bell) return [this.#bell.set.dup()]
    return op === DomainOp.buffer ? this.memory() : []
  }

  [Symbol.dispose](): void {
    this.#page.close()
    this.#lifeline.close()
    this.#bell.close()
  }
}
