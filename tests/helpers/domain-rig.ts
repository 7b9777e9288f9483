// Domains for tests: the hub and its members in one process, each as if it were one of its own.
import type { TestContext } from 'node:test'
import { createTimeline, type DmaBuf, type Timeline } from '#src/index.js'
import type { Reservation } from '#src/core/reservation/reservation.js'
import type { Usage } from '#src/core/reservation/usage.js'
import { decodeDomain } from '#src/interprocess/domain-message.js'
import { MessageType } from '#src/interprocess/link-message.js'
import { MemberLayout } from '#src/interprocess/member-page.js'
import { DomainGroup } from '#src/linux/domain-group.js'
import { DomainMemberPort } from '#src/linux/domain-member-port.js'
import { joinDomain } from '#src/linux/join-domain.js'
import { connectLink } from '#src/linux/link-connect.js'
import type { Link } from '#src/linux/link.js'
import { openMemfdHeap } from '#src/linux/memfd-heap.js'
import { serveDomain, type DomainOptions, type ServedDomain } from '#src/linux/serve-domain.js'
import { Domain } from '#src/linux/domain.js'
import { socketPath } from './socket-path.js'

/** A hub, its path, and what is closed at the end of a test. */
export class DomainRig implements AsyncDisposable {
  readonly path: string
  readonly hub: ServedDomain
  readonly timeline: Timeline = createTimeline('work')
  readonly #members: Domain[] = []
  readonly #buffers: DmaBuf[] = []

  private constructor(path: string, hub: ServedDomain) {
    this.path = path
    this.hub = hub
  }

  static async open(t: TestContext, options?: DomainOptions): Promise<DomainRig> {
    const path = socketPath(t)
    return new DomainRig(path, await serveDomain(path, options))
  }

  async join(): Promise<Domain> {
    const member = await joinDomain(this.path)
    this.#members.push(member)
    return member
  }

  /** A member of which the test has every part: it may do anything. */
  async joinByHand(): Promise<{ domain: Domain; group: DomainGroup; link: Link }> {
    const link = await connectLink(this.path)
    const offer = await link.next(MessageType.domain)
    const { index, count: slots, length: buffers, flags: members } = decodeDomain(offer!.payload)
    const group = new DomainGroup(index, new MemberLayout({ slots, buffers, members }))
    const port = new DomainMemberPort(group, link)
    await port.join({})
    const domain = new Domain(group, port)
    this.#members.push(domain)
    return { domain, group, link }
  }

  /** A buffer of one member, as each of the others sees it, too. */
  async share(
    owner: Domain,
    name: string,
    others: readonly Domain[],
    lengthBytes = 4096,
  ): Promise<DmaBuf[]> {
    const buffer = openMemfdHeap().allocate(lengthBytes)
    this.#buffers.push(buffer)
    await owner.share(buffer, name)
    const opened = await Promise.all(others.map((other) => other.open(name)))
    this.#buffers.push(...opened)
    return [buffer, ...opened]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const buffer of this.#buffers) buffer.close()
    for (const member of this.#members) await member.close()
    await this.hub.close()
    this.timeline.close()
  }
}

/** Adds a pending fence of a new timeline. */
export function addPending(reservation: Reservation, usage: Usage, name = 'pending'): Timeline {
  const timeline = createTimeline(name)
  using held = reservation.tryLock()!
  held.reserve(1)
  held.add(timeline.fence(1), usage)
  return timeline
}
