import { DmaBufError } from '../core/errors.js'
import { defer } from '../core/deferred.js'
import { host } from '../core/host.js'
import { Fence, putFence, signalFence } from '../core/fence/fence.js'
import { allocateContext } from '../core/fence/context.js'
import { FenceBoard } from '../interprocess/fence-board.js'
import { FencePublisher } from '../interprocess/fence-publisher.js'
import {
  initMemberPage,
  MEMBER_EPOCH,
  MEMBER_LEFT,
  type MemberLayout,
} from '../interprocess/member-page.js'
import { SharedLock, type LockGroup, type LockMember } from '../interprocess/shared-lock.js'
import type { Words } from '../interprocess/words.js'
import { DomainPeer, type DomainMember } from './domain-peer.js'
import { OwnPage } from './own-page.js'
import type { OwnedFd } from './owned-fd.js'
import type { SharedReservation } from './shared-reservation.js'

/** How often members are looked at that cannot ring us. */
const LOOK_MS = 10

/** What a group asks of the link to the hub. */
export interface GroupLink {
  /** Reads what has arrived, without waiting. Nothing for the hub itself. */
  pump(): void
  /** Sends the set of our bell for a peer to that peer; it is closed when it is sent. */
  sendBell(peer: DomainPeer): void
  /** Leaves the domain for good, so that the others notice. Nothing for the hub itself. */
  lose(error: DmaBufError): void
}

/** A change of the members of a domain. */
export interface MemberChange {
  readonly kind: 'joined' | 'left' | 'died' | 'evicted'
  readonly member: DomainMember
  /** What its fences fail with; undefined where it joined. */
  readonly error?: DmaBufError
}

/** All that a member of a domain knows of the others, and the page by which they know of it. */
export class DomainGroup implements LockGroup, Disposable {
  readonly index: number
  readonly layout: MemberLayout
  readonly page: OwnPage
  readonly words: Words
  readonly publisher: FencePublisher
  /** Shared reservations of this process, by buffer. */
  readonly shared = new Map<number, SharedReservation>()
  #peers: DomainPeer[] = []
  #epoch = 0
  #link: GroupLink | undefined
  #closed = false
  #lost: DmaBufError | undefined
  #stopLooking: (() => void) | undefined
  /** Pending while a newcomer is known to be there, of whom nothing else is known. */
  #behind: Fence | undefined
  // For good: what others remember of a lock's requests outlives the buffer.
  readonly #locks = new Map<number, SharedLock>()
  readonly #listeners = new Set<(change: MemberChange) => void>()

  /** @throws {DmaBufError} ENOMEM, EMFILE */
  constructor(index: number, layout: MemberLayout) {
    this.index = index
    this.layout = layout
    this.page = new OwnPage(`member ${index}`, layout.lengthBytes)
    this.words = this.page.words
    initMemberPage(this.words, layout)
    const board = new FenceBoard(this.words, layout, {
      ring: (member) => this.#peers.find(({ index: other }) => other === member)?.bell.ring(),
      // Nobody of a domain sleeps in a futex.
      wake: () => {},
      // A newcomer of whom we do not know may look at a slot already.
      knowsAll: () => this.catchUp() !== 'behind',
    })
    this.publisher = new FencePublisher(board, () => this.trim())
  }

  /** The other living members. */
  get others(): readonly DomainPeer[] {
    return this.#peers
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Why we are no member any more, though we did not leave. */
  get lost(): DmaBufError | undefined {
    return this.#lost
  }

  /** Reaches the hub from now on. */
  connect(link: GroupLink): void {
    this.#link = link
  }

  /** Of the hub: says that somebody has joined. Tell the members before. */
  raiseEpoch(): number {
    this.#epoch++
    this.words.store(MEMBER_EPOCH, this.#epoch)
    return this.#epoch
  }

  get epoch(): number {
    return this.#epoch
  }

  catchUp(): 'same' | 'changed' | 'behind' {
    if (this.index === 0 || this.#closed) return 'same'
    const hub = this.#peers[0]
    // Without a hub nobody joins any more.
    if (hub?.index !== 0) return 'same'
    const epoch = hub.words.load(MEMBER_EPOCH)
    if (epoch === this.#epoch) return 'same'
    const before = this.#peers
    this.#link?.pump()
    // The hub may have told of members that joined since its epoch was looked at: then it is further than that.
    if (this.#epoch < epoch) return 'behind'
    return this.#closed || before !== this.#peers ? 'changed' : 'same'
  }

  /** What stands for the fences of members of whom nothing is known yet; signals when all are known. */
  get behind(): Fence {
    return (this.#behind ??= new Fence(BEHIND, allocateContext(), 1))
  }

  ring(member: LockMember): void {
    this.#peers.find((peer) => peer === member)?.bell.ring()
  }

  /**
   * Knows another member from now on, and tells it so: it may wait for us already.
   *
   * @param fds - its page, borrowed, and its lifeline, moved
   */
  add(name: DomainMember, epoch: number, fds: { page: OwnedFd; lifeline: OwnedFd }): DomainPeer {
    const { index, words, layout } = this
    const own = { index, words, board: this.publisher.board }
    const old = this.#peers.find((peer) => peer.index === name.index)
    if (old !== undefined) this.remove(old)
    // A hub's place may have been given away by its last words but one.
    if (this.#closed) {
      fds.lifeline.close()
      throw new DmaBufError('EPIPE', 'domain', 'The domain was left')
    }
    const ended = (peer: DomainPeer): void => this.remove(peer)
    const peer = new DomainPeer(name, { layout, own, ended, ...fds })
    this.#peers = [...this.#peers, peer].sort((a, b) => a.index - b.index)
    if (epoch > this.#epoch) this.#epoch = epoch
    peer.bell.ring()
    this.#link?.sendBell(peer)
    this.#settled()
    this.#tell({ kind: 'joined', member: peer })
    return peer
  }

  /** Hears the bell of a member that it sent us. @param set - moved */
  hear({ index, generation }: Pick<DomainMember, 'index' | 'generation'>, set: OwnedFd): void {
    const peer = this.find(index, generation)
    if (peer === undefined) {
      set.close()
      return
    }
    const broken = (error: DmaBufError): void => this.remove(peer, { kind: 'evicted', error })
    try {
      peer.listen(set, () => this.rung(peer), broken)
    } catch (error) {
      // What cannot be watched is no doorbell. That we have no room is no fault of the member's.
      if (!DmaBufError.is(error) || OUR_LIMITS.has(error.code)) throw error
      broken(error)
    }
  }

  /** A member, while it lives. */
  find(index: number, generation: number): DomainPeer | undefined {
    return this.#peers.find((peer) => peer.index === index && peer.generation === generation)
  }

  /** A member has changed something that we may wait for. */
  rung(peer: DomainPeer): void {
    if (!this.#peers.includes(peer)) return
    peer.fences.rung()
    this.lookAgain()
  }

  /** Everybody who waits for a lock looks again. */
  lookAgain(): void {
    for (const one of [...this.shared.values()]) one.lookAgain()
  }

  /** Ignores a member from now on: it has died or left, or nothing it says can be believed. */
  remove(peer: DomainPeer, why?: { kind: 'evicted'; error: DmaBufError }): void {
    // Whom the hub named before its end has to be known: without it nobody looks for newcomers any more.
    if (peer.index === 0 && this.#peers.includes(peer)) this.#link?.pump()
    if (!this.#peers.includes(peer)) return
    if (peer.index === 0 && why === undefined && peer.words.load(MEMBER_EPOCH) > this.#epoch) {
      const message = 'The hub died before it could name a member that has joined'
      this.#link?.lose(new DmaBufError('EPIPE', 'domain', message))
      return
    }
    this.#peers = this.#peers.filter((other) => other !== peer)
    const error = why?.error ?? peer.endError()
    const kind = why?.kind ?? (peer.hasLeft ? 'left' : 'died')
    for (const one of this.shared.values()) one.forget(peer)
    peer.end(error)
    this.#settled()
    this.#tell({ kind, member: peer, error })
    if (peer.index === 0) this.#lookAtSilent()
  }

  // Without the hub no bell comes any more: who cannot ring us is looked at by the clock.
  #lookAtSilent(): void {
    const silent = this.#peers.filter(({ isHeard }) => !isHeard)
    if (silent.length === 0 || this.#closed) return
    const look = (): void => {
      for (const peer of silent) this.rung(peer)
      this.#lookAtSilent()
    }
    this.#stopLooking = host().setTimer(LOOK_MS, look, true)
  }

  /** All members up to an epoch are known. */
  caughtUp(epoch: number): void {
    if (epoch > this.#epoch) this.#epoch = epoch
    this.#settled()
  }

  /** Calls back at each change of the members. */
  onMember(listener: (change: MemberChange) => void): Disposable {
    this.#listeners.add(listener)
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) }
  }

  /** Our side of a buffer's lock: one for as long as we are a member. */
  lockOf(buffer: number): SharedLock {
    let lock = this.#locks.get(buffer)
    if (lock === undefined) {
      lock = new SharedLock(this, this.layout.lockAt(buffer))
      this.#locks.set(buffer, lock)
    }
    return lock
  }

  /** Gives slots back that only lists of fences keep which have signalled. */
  trim(): void {
    for (const one of this.shared.values()) one.trim()
  }

  /** Is no member any more against our will: what is pending of others fails with this, and so does each new lock. */
  lose(error: DmaBufError): void {
    if (!this.#closed) this.#lost = error
    this.close(error)
  }

  /** Leaves: what is pending of others fails with this, and locks are those of this process alone. */
  close(error: DmaBufError): void {
    if (this.#closed) return
    this.#closed = true
    this.#stopLooking?.()
    this.words.store(MEMBER_LEFT, 1)
    this.publisher.close()
    const peers = this.#peers
    this.#peers = []
    for (const one of [...this.shared.values()]) one.leave(peers)
    for (const peer of peers) peer.end(error)
    this.#settled()
    this.lookAgain()
    this.shared.clear()
    // Later: who closes it may be called by somebody who is about to look at words.
    defer(() => this.page.close())
  }

  [Symbol.dispose](): void {
    this.close(new DmaBufError('ENOENT', 'domain', 'The domain was left'))
  }

  #settled(): void {
    const behind = this.#behind
    this.#behind = undefined
    if (behind !== undefined) {
      signalFence(behind)
      putFence(behind)
    }
    this.lookAgain()
  }

  #tell(change: MemberChange): void {
    for (const listener of [...this.#listeners]) listener(change)
  }
}

const OUR_LIMITS: ReadonlySet<unknown> = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'ENOSPC'])

const BEHIND = { driverName: 'dmabuf', timelineName: 'new members of the domain' }
