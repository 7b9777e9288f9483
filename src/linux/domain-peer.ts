import { defer } from '../core/deferred.js'
import { DmaBufError, errnoName } from '../core/errors.js'
import type { FenceBoard } from '../interprocess/fence-board.js'
import { FenceReader } from '../interprocess/fence-reader.js'
import { checkMemberPage, MEMBER_LEFT, type MemberLayout } from '../interprocess/member-page.js'
import { RemoteFences } from '../interprocess/remote-fences.js'
import type { LockMember } from '../interprocess/shared-lock.js'
import type { Words } from '../interprocess/words.js'
import { Doorbell, DoorbellListener } from './doorbell.js'
import { LifelineWatch } from './lifeline.js'
import { MapMode, Mapping } from './mapping.js'
import { checkReceivedMemory } from './memfd.js'
import type { OwnedFd } from './owned-fd.js'

/** Which use of which index in a domain a member is. */
export interface DomainMember {
  readonly index: number
  readonly generation: number
  /** Its process id as it sees it itself: another one where it is in another pid namespace. */
  readonly pid: number
}

/** What a peer is made of besides its name. */
export interface PeerParts {
  readonly layout: MemberLayout
  /** Its page; borrowed. */
  readonly page: OwnedFd
  /** The reading end of its lifeline; moved. */
  readonly lifeline: OwnedFd
  /** Our own index, words and board. */
  readonly own: { readonly index: number; readonly words: Words; readonly board: FenceBoard }
  /** Called once, when it has died or left. */
  readonly ended: (peer: DomainPeer) => void
}

/** Another living member of a domain, as we see it. */
export class DomainPeer implements LockMember, Disposable {
  readonly index: number
  readonly generation: number
  readonly pid: number
  readonly words: Words
  readonly fences: RemoteFences
  /** Rings it. Its set is to be sent. */
  readonly bell = new Doorbell()
  readonly #mapping: Mapping
  readonly #board: FenceBoard
  readonly #watch: LifelineWatch
  #listener: DoorbellListener | undefined
  #closed = false

  /** @throws {DmaBufError} EPROTO where its page is none; EMFILE */
  constructor(name: DomainMember, { layout, page, lifeline, own, ended }: PeerParts) {
    this.index = name.index
    this.generation = name.generation
    this.pid = name.pid
    this.#board = own.board
    try {
      checkReceivedMemory(page, layout.lengthBytes, 'a member page')
      this.#mapping = new Mapping(page, layout.lengthBytes, MapMode.readOnly)
    } catch (error) {
      this.bell.close()
      lifeline.close()
      throw error
    }
    this.words = this.#mapping.words()
    try {
      checkMemberPage(this.words, layout)
      const parts = { theirs: this.words, own: own.words, block: name.index }
      this.fences = new RemoteFences(new FenceReader(parts, layout))
      this.#watch = new LifelineWatch(lifeline, () => ended(this))
    } catch (error) {
      lifeline.close()
      this.bell.close()
      this.#mapping.close()
      throw error
    }
    own.board.admit(name.index, this.words, own.index)
  }

  /** What its fences and messages call it. */
  get name(): string {
    return `member ${this.index} (pid ${this.pid})`
  }

  /** Whether it is ignored: its words are gone. */
  get closed(): boolean {
    return this.#closed
  }

  /** Whether it said that it leaves. */
  get hasLeft(): boolean {
    return this.words.load(MEMBER_LEFT) !== 0
  }

  /** Whether it can ring us. */
  get isHeard(): boolean {
    return this.#listener !== undefined
  }

  /**
   * Hears its bell from now on.
   *
   * @param set - moved
   * @param rung - called on the event loop
   * @param broken - called once where it proves to be no doorbell
   */
  listen(set: OwnedFd, rung: () => void, broken: (error: DmaBufError) => void): void {
    this.#listener?.close()
    this.#listener = new DoorbellListener(set, rung, broken)
  }

  /**
   * Ignores it from now on: reads its fences a last time, then fails what is pending, once. The error is the same
   * for all.
   */
  end(error: DmaBufError): void {
    this.#board.dismiss(this.index)
    this.fences.end(() => error)
    this[Symbol.dispose]()
  }

  /** Why its fences fail. */
  endError(): DmaBufError {
    const options = { details: { member: this.index, pid: this.pid } }
    if (this.hasLeft)
      return new DmaBufError('ENOENT', 'domain', `The ${this.name} has left the domain`, options)
    return new DmaBufError('EOWNERDEAD', 'domain', `The ${this.name} has died`, options)
  }

  [Symbol.dispose](): void {
    if (this.#closed) return
    this.#closed = true
    this.#watch.close()
    this.#listener?.close()
    this.bell.close()
    // Later: who ends it may be called by somebody who is about to look at its words.
    defer(() => this.#mapping.close())
  }
}

/** Why the fences of an evicted member fail. */
export function evicted(errno: number): { kind: 'evicted'; error: DmaBufError } {
  const message = 'The hub has evicted the member that this was to come from'
  return { kind: 'evicted', error: new DmaBufError(errnoName(errno), 'domain', message) }
}
