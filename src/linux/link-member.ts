import { DmaBufError } from '../core/errors.js'
import type { WaitOptions } from '../core/host.js'
import { waitFor, type Waiter } from '../core/wait.js'
import type { FenceSlot } from '../interprocess/fence-board.js'
import { decodeFenceOffer, encodeFenceOffer } from '../interprocess/fence-message.js'
import type { RemoteNames } from '../interprocess/followed-timeline.js'
import { MessageType } from '../interprocess/link-message.js'
import { MemberLayout } from '../interprocess/member-page.js'
import { Doorbell } from './doorbell.js'
import type { Link } from './link.js'
import { OwnMember } from './own-member.js'
import { peerText } from './peer-text.js'
import { RemoteMember } from './remote-member.js'

/** The shape of both pages of a link: 10,000 timelines, and an eighth to spare for what fails. */
export const linkLayout = new MemberLayout({ slots: 12288, buffers: 0, members: 1 })

/** The only other member, and the only block of watch words. */
const OTHER = 0

/** How long a peer that has shared something may take for its page, which it sends before. */
const PAGE_TIMEOUT_MS = 5000

const NOTHING = new Uint8Array(0)
const ENCODER = new TextEncoder()
const members = new WeakMap<Link, LinkMember>()
let lastOffer = 0

/** What is offered: a slot, and what to call what is in it. */
export interface NamedSlot {
  readonly at: FenceSlot
  readonly driverName: string
  readonly timelineName: string
}

/** What was offered, as its taker sees it. */
export interface Offered {
  readonly remote: RemoteMember
  readonly at: FenceSlot
  readonly names: RemoteNames
}

/** A peering group of two: what both ends of a link share with each other, over one page and bell each way. */
export class LinkMember {
  readonly link: Link
  readonly own: OwnMember
  readonly #bell = new Doorbell()
  readonly #arrival: Promise<RemoteMember>
  /** Offers that the peer has not answered. */
  readonly #offers = new Map<number, Waiter<void>>()
  /** Whether our page was sent; undefined while nobody tries. */
  #announced: Promise<boolean> | undefined
  #remote: RemoteMember | undefined

  private constructor(link: Link) {
    this.link = link
    this.own = new OwnMember(linkLayout, (_member, why) => {
      const { pid } = link.peer
      link.breakOff(new DmaBufError('EBUSY', 'fence', `Process ${pid} was evicted: ${why.message}`))
    })
    this.#arrival = this.#receivePage()
    this.#arrival.catch(() => {})
    void this.#hearAnswers()
    link.onEnd((end) => this.#end(end.clean ? undefined : end.error))
  }

  /**
   * The group of a link; made at the first use.
   *
   * @throws {DmaBufError} why the link has ended
   */
  static of(link: Link): LinkMember {
    if (link.closed) throw new DmaBufError('EBADF', 'share', 'The link is closed')
    let member = members.get(link)
    if (member === undefined) {
      member = new LinkMember(link)
      members.set(link, member)
    }
    return member
  }

  /**
   * Offers a slot that the caller has pinned; settles once the peer watches it. The pin is taken back.
   *
   * @throws {DmaBufError} EPROTO where the peer does not answer so; ETIMEDOUT; EOWNERDEAD
   */
  async offer(type: number, offer: NamedSlot, options: WaitOptions): Promise<void> {
    const { link, own } = this
    try {
      await this.#announce(options)
      const payload = encodeFenceOffer({
        ...offer.at,
        driverName: ENCODER.encode(offer.driverName),
        timelineName: ENCODER.encode(offer.timelineName),
      })
      const argument = (lastOffer = (lastOffer + 1) & 0x7fffffff)
      const answer = this.#answerTo(argument, options)
      // Heard even where the offer cannot be sent, which is what is reported then.
      answer.catch(() => {})
      await link.request(type, payload, { argument, ...options })
      await answer
      await this.#peer()
      // What was published while the peer answered: nobody else may tell it.
      own.ring(OTHER)
    } finally {
      own.board.unpin(offer.at.slot)
    }
  }

  /**
   * Takes the next offer of a type that still holds: `use` begins to watch its slot.
   *
   * @param use - undefined: its slot is used for something else by now
   * @throws {DmaBufError} EPROTO; EPIPE when the peer left; EOWNERDEAD; ETIMEDOUT
   */
  async take<T>(
    type: number,
    use: (offered: Offered) => T | undefined,
    options: WaitOptions,
  ): Promise<T> {
    for (;;) {
      const received = await this.link.next(type, options)
      if (received === undefined)
        throw new DmaBufError('EPIPE', 'receive', 'The peer left without sharing anything')
      for (const fd of received.fds) fd.close()
      const { driverName, timelineName, ...at } = decodeFenceOffer(received.payload)
      const names = {
        owner: `process ${this.link.peer.pid}`,
        driverName: peerText(driverName) ?? 'unnamed',
        timelineName: peerText(timelineName) ?? 'unnamed',
      }
      const remote = await this.#peer()
      await this.#announce(options)
      const taken = remote.closed ? undefined : use({ remote, at, names })
      await this.link.post(MessageType.fenceAccept, NOTHING, { argument: received.argument })
      if (taken !== undefined) return taken
    }
  }

  // Once for each link, by whoever asks first. One who gave up is not the reason for another to give up.
  async #announce(options: WaitOptions): Promise<void> {
    for (let known = this.#announced; known !== undefined; known = this.#announced)
      if (await known) return
    const fds = [this.own.page.fd, this.#bell.set]
    const posted = this.link.request(MessageType.memberPage, NOTHING, { fds, ...options })
    this.#announced = posted.then(
      () => true,
      () => {
        this.#announced = undefined
        return false
      },
    )
    await posted
    this.#bell.set.close()
  }

  async #receivePage(): Promise<RemoteMember> {
    const received = await this.link.next(MessageType.memberPage)
    if (received === undefined) throw new DmaBufError('EPIPE', 'receive', 'The peer has left')
    const [page, set, ...surplus] = received.fds
    for (const fd of surplus) fd.close()
    try {
      // What came before the link's end is read after it.
      if (this.own.closed)
        throw this.link.end?.error ?? new DmaBufError('EPIPE', 'receive', 'The link has ended')
      if (page === undefined || set === undefined)
        throw new DmaBufError('EPROTO', 'receive', 'The peer sent no member page')
      const remote = new RemoteMember(this.own, { page, block: OTHER })
      this.#remote = remote
      this.own.admit(OTHER, { words: remote.words, block: OTHER, bell: this.#bell })
      remote.listen(set, (error) => this.link.breakOff(error))
      return remote
    } catch (error) {
      set?.close()
      throw error
    } finally {
      page?.close()
    }
  }

  #peer(): Promise<RemoteMember> {
    return waitFor('receive', { timeoutMs: PAGE_TIMEOUT_MS }, (waiter) => {
      this.#arrival.then(waiter.resolve, waiter.reject)
      return () => {}
    })
  }

  #answerTo(argument: number, options: WaitOptions): Promise<void> {
    return waitFor('share', options, (waiter) => {
      this.#offers.set(argument, waiter)
      return () => this.#offers.delete(argument)
    })
  }

  // In whatever order they come; the answer to an offer that was given up before is nobody's.
  async #hearAnswers(): Promise<void> {
    let end: unknown = new DmaBufError('EPROTO', 'share', 'The peer did not accept what was shared')
    try {
      for (;;) {
        const answer = await this.link.next(MessageType.fenceAccept)
        if (answer === undefined) break
        for (const fd of answer.fds) fd.close()
        this.#offers.get(answer.argument)?.resolve()
        this.#offers.delete(answer.argument)
      }
    } catch (error) {
      end = error
    }
    for (const waiter of this.#offers.values()) waiter.reject(end)
    this.#offers.clear()
  }

  #end(error: DmaBufError | undefined): void {
    members.delete(this.link)
    const by = this.link.closed ? 'we have' : `its owner (pid ${this.link.peer.pid}) has`
    try {
      this.#remote?.end(
        (name) =>
          error ?? new DmaBufError('ENOENT', 'timeline', `Timeline ${name}: ${by} closed the link`),
      )
    } finally {
      this.own.close()
      this.#bell.close()
    }
  }
}
