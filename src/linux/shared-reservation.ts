import { bug, DmaBufError } from '../core/errors.js'
import { isFlaggedSignaled, type Fence } from '../core/fence/fence.js'
import type { WaitOptions } from '../core/host.js'
import type { FenceTable } from '../core/reservation/fence-table.js'
import { lockError } from '../core/reservation/lock-attempt.js'
import type { SharedRequest, SharedSide, SharedSight } from '../core/reservation/shared-side.js'
import { waitFor, type Waiter } from '../core/wait.js'
import { MAX_LIST_ENTRIES } from '../interprocess/member-page.js'
import type { SharedLock } from '../interprocess/shared-lock.js'
import type { DomainGroup } from './domain-group.js'
import type { DomainPeer } from './domain-peer.js'
import { OwnFences } from './own-fences.js'
import { PeerFences } from './peer-fences.js'

interface LockWait {
  readonly request: SharedRequest
  readonly mayGiveWay: boolean
  readonly waiter: Waiter<'free' | 'older'>
}

/**
 * One buffer's reservation as this process shares it with the other members of a domain: their fences come into
 * its table, ours go into our list, and its lock is one of all of them.
 *
 * @rule RESV-12, RESV-33
 */
export class SharedReservation implements SharedSide {
  readonly buffer: number
  readonly #group: DomainGroup
  readonly #table: FenceTable
  readonly #lock: SharedLock
  readonly #own: OwnFences
  readonly #peers = new Map<DomainPeer, PeerFences>()
  readonly #waits = new Set<LockWait>()
  readonly #released: () => void
  #isClosed = false

  /** @param released - called once, when the reservation is gone and nothing of ours is pending in it */
  constructor(
    group: DomainGroup,
    buffer: number,
    parts: { table: FenceTable; released: () => void },
  ) {
    this.#group = group
    this.buffer = buffer
    this.#table = parts.table
    this.#released = parts.released
    this.#lock = group.lockOf(buffer)
    this.#own =
      group.shared.get(buffer)?.handOver(parts.table) ?? new OwnFences(group, buffer, parts.table)
    group.shared.set(buffer, this)
  }

  /** The buffer was opened again while fences of ours were pending in it. */
  handOver(table: FenceTable): OwnFences {
    this.#own.moveTo(table)
    return this.#own
  }

  get lost(): DmaBufError | undefined {
    return this.#group.lost
  }

  get isLockedElsewhere(): boolean {
    return !this.#group.closed && this.#lock.holder !== undefined
  }

  refresh(): void {
    const group = this.#group
    if (group.closed || this.#isClosed) return
    for (;;) {
      for (const peer of group.others) if (!peer.closed) this.#fencesOf(peer).refresh()
      // Who joined before this look may have added a fence before it; who joins later has not.
      const caughtUp = group.catchUp()
      if (caughtUp === 'same') return
      if (caughtUp === 'changed') continue
      if (this.#table.list?.fences.includes(group.behind) !== true)
        this.#table.insert(group.behind, 0)
      return
    }
  }

  #fencesOf(peer: DomainPeer): PeerFences {
    let fences = this.#peers.get(peer)
    if (fences === undefined) {
      fences = new PeerFences(this.#group, peer, { buffer: this.buffer, table: this.#table })
      this.#peers.set(peer, fences)
    }
    return fences
  }

  /** A member is gone: what it added is about to fail. */
  forget(peer: DomainPeer): void {
    this.#peers.get(peer)?.forget()
    this.#peers.delete(peer)
  }

  tryLock(request: SharedRequest): SharedSight {
    if (this.#group.closed) return 'free'
    const sight = this.#lock.tryAcquire(request)
    if (sight === 'free') this.refresh()
    // A try takes the place of a wait in our page.
    if (this.#waits.size > 0) this.lookAgain()
    return sight
  }

  async waitForLock(
    request: SharedRequest,
    mayGiveWay: boolean,
    options: WaitOptions,
  ): Promise<'free' | 'older'> {
    try {
      return await waitFor('lock', { ...options, describe: () => this.#holder() }, (waiter) => {
        const wait = { request, mayGiveWay, waiter }
        this.#waits.add(wait)
        this.#look(wait)
        return () => this.#stop(wait)
      })
    } catch (error) {
      if (options.signal?.aborted === true && error === options.signal.reason)
        throw lockError('interrupted', options)
      throw error
    }
  }

  /** Something changed: whoever waits for the lock sees whether another try is worth while. */
  lookAgain(): void {
    for (const wait of [...this.#waits]) if (this.#waits.has(wait)) this.#look(wait)
  }

  #look(wait: LockWait): void {
    // Ours: the local lock says when it is free.
    const isOurs = this.#group.closed || this.#lock.isHeld
    const sight = isOurs ? 'free' : this.#lock.wait(wait.request)
    if (sight === 'busy' || (sight === 'older' && !wait.mayGiveWay)) return
    this.#stop(wait)
    wait.waiter.resolve(sight)
  }

  #stop(wait: LockWait): void {
    this.#waits.delete(wait)
    if (this.#waits.size === 0 && !this.#group.closed && !this.#lock.isHeld)
      this.#lock.stopWaiting()
  }

  #holder(): string {
    const holder = this.#lock.holder as DomainPeer | undefined
    return holder === undefined ? '' : `: ${holder.name} of the domain holds it`
  }

  unlock(): void {
    if (this.#group.closed) return
    this.#own.publishChange()
    if (this.#lock.isHeld) this.#lock.release()
    if (this.#waits.size > 0) this.lookAgain()
  }

  reserve(slots: number): void {
    if (this.lost !== undefined) throw this.lost
    if (this.#group.closed) return
    if (this.#own.count + slots >= MAX_LIST_ENTRIES)
      throw new DmaBufError(
        'ENOMEM',
        'reserve',
        `At most ${MAX_LIST_ENTRIES - 1} fences of one process can be pending in a shared buffer`,
        { rule: 'RESV-6' },
      )
    this.#own.reserve(slots)
  }

  checkSlot(): void {
    if (!this.#group.closed && !this.#own.hasSlot)
      bug('RESV-11', 'add', 'No slot is left: call reserve() in the same lock hold')
  }

  added(fence: Fence): void {
    if (!this.#group.closed) this.#own.add(fence)
  }

  /** Takes over what is in the table already, when it is shared. */
  adopt(): void {
    const list = this.#table.list
    if (list === undefined) return
    const pending = list.fences.filter((fence) => !isFlaggedSignaled(fence))
    if (pending.length > 0) this.reserve(pending.length)
    for (const fence of pending) this.#own.add(fence)
  }

  replaced(): void {
    for (const fences of this.#peers.values()) fences.restore()
  }

  trim(): void {
    this.#own.publish()
  }

  /** We leave the domain. */
  leave(peers: readonly DomainPeer[]): void {
    for (const peer of peers) this.forget(peer)
    this.#own.leave()
  }

  close(): void {
    if (this.#isClosed || this.#group.closed) return
    this.#isClosed = true
    for (const [peer] of [...this.#peers]) this.forget(peer)
    // Others still have to wait for what of ours is pending in it.
    this.#own.whenDone(() => {
      if (this.#group.closed || this.#group.shared.get(this.buffer) !== this) return
      this.#group.shared.delete(this.buffer)
      this.#released()
    })
  }
}
