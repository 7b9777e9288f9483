import { LOCK_STAMP, LOCK_STATE } from './member-page.js'
import { loadNumber, storeNumber } from './two-words.js'
import type { Words } from './words.js'

// A lock that several members share, without a word that two of them write. Each member has, per buffer, four
// words of its own page:
//   0 request: bits 0 and 1 the phase, bit 2 whether an acquire context asks, the rest a serial that is new for
//     each request   1 stamp, low   2 stamp, high   3 reserved
// Every access is sequentially consistent. Nobody holds by anybody's leave: whoever claims stores its claim first
// and looks then, so of two who claim at least one sees the other, and nobody passes one that claims or holds.

const NONE = 0
const CLAIMING = 1
const HOLDING = 2
const WAITING = 3
const PHASE = 3
const CONTEXT = 4
const SERIAL = 8

/** How often to look at a younger claim that is about to give way, before sleeping until it has. */
const LOOKS = 64

/** Another living member, as a lock sees it. A new member at the same index is another object. */
export interface LockMember {
  readonly index: number
  /** Its page, ours to read. */
  readonly words: Words
}

/** The members that share locks, as one of them sees them. */
export interface LockGroup {
  /** Our own index. */
  readonly index: number
  /** Our own page. */
  readonly words: Words
  /** The other living members that we know of. */
  readonly others: readonly LockMember[]
  /**
   * Looks at the group's epoch, and learns of who joined where it has changed. `behind`: somebody has joined
   * of whom nothing is known yet.
   */
  catchUp(): 'same' | 'changed' | 'behind'
  /** Wakes a member. */
  ring(member: LockMember): void
}

/** `free`; `busy`: somebody is in the way; `older`: so is the context of an older request. */
export type LockSight = 'free' | 'busy' | 'older'

/** Who asks for a lock. */
export interface LockRequest {
  /** Smaller is older; a safe integer from 0. Of two members with the same stamp the lower index is older. */
  readonly stamp: number
  /** Whether it may hold several locks, so that others may have to give way to it. @rule WW-7 */
  readonly isContext: boolean
}

/**
 * One member's side of one shared lock. Of a member only one request at a time may be in it: others of the same
 * process wait for each other elsewhere.
 *
 * A dead member is no longer among the others: what it held is free, without anything to repair.
 */
export class SharedLock {
  readonly #group: LockGroup
  readonly #at: number
  #serial = 0
  #isHeld = false
  // Whom we rang for which request: a request is answered by one ring.
  readonly #rung: ({ member: LockMember; request: number } | undefined)[] = []

  /** @param at - index of the lock's first word in every page */
  constructor(group: LockGroup, at: number, serial = 0) {
    this.#group = group
    this.#at = at
    this.#serial = serial
  }

  /** Whether we hold it. */
  get isHeld(): boolean {
    return this.#isHeld
  }

  /**
   * Takes the lock where it is free.
   *
   * @rule WW-5, WW-16
   * @returns `free` where we hold it now, otherwise who is in the way; nothing of the request is left then
   */
  tryAcquire(request: LockRequest): LockSight {
    // Who would fail anyway claims nothing, so that nobody sees a claim, and nobody waits for its end.
    const sight = this.look(request)
    if (sight !== 'free') return sight
    this.#ask(CLAIMING, request)
    const settled = this.#settle(request)
    if (settled === 'free') {
      this.#isHeld = true
      this.#group.words.store(this.#at + LOCK_STATE, this.#word(HOLDING, request))
    } else this.#end()
    return settled
  }

  /** Releases the lock and wakes whoever waits for it. @rule WW-17 */
  release(): void {
    this.#isHeld = false
    this.#end()
  }

  /**
   * Says that we wait, and looks once more. To be called anew after each wake-up.
   *
   * @returns what is in the way: sleep until rung. `free`: try again at once
   */
  wait(request: LockRequest): LockSight {
    this.#ask(WAITING, request)
    for (;;) {
      const sight = this.#lookAtAll(request)
      if (sight !== 'free') return sight
      // Who joined may hold it already, and has to be known so that its death is noticed.
      const caughtUp = this.#group.catchUp()
      if (caughtUp === 'same') return 'free'
      if (caughtUp === 'behind') return 'busy'
    }
  }

  /** Waits no more. */
  stopWaiting(): void {
    this.#group.words.store(this.#at + LOCK_STATE, NONE)
  }

  /** Whether somebody known holds it, without asking for it. */
  look(request: LockRequest): LockSight {
    for (const member of this.#group.others) {
      const word = member.words.load(this.#at + LOCK_STATE)
      if ((word & PHASE) === HOLDING) return this.#blockedBy(member, word, request)
    }
    return 'free'
  }

  /** The member that holds it; undefined where it is free, or ours. */
  get holder(): LockMember | undefined {
    for (const member of this.#group.others)
      if ((member.words.load(this.#at + LOCK_STATE) & PHASE) === HOLDING) return member
    return undefined
  }

  /** Stores a request, with a serial that no request of ours had. */
  #ask(phase: number, request: LockRequest): void {
    const { words } = this.#group
    this.#serial = (this.#serial + 1) & 0x1fffffff
    // The phase in the page is `none` or `waiting` now: nobody takes the stamp for that of a claim.
    storeNumber(words, this.#at + LOCK_STAMP, request.stamp)
    words.store(this.#at + LOCK_STATE, this.#word(phase, request))
  }

  #word(phase: number, { isContext }: LockRequest): number {
    return (this.#serial * SERIAL + (isContext ? CONTEXT : 0) + phase) | 0
  }

  #end(): void {
    this.#group.words.store(this.#at + LOCK_STATE, NONE)
    this.#ringWaiters()
    // Who joined meanwhile may have looked before that store, and sleeps.
    if (this.#group.catchUp() === 'changed') this.#ringWaiters()
  }

  #settle(request: LockRequest): LockSight {
    for (;;) {
      const sight = this.#lookAtAll(request)
      if (sight !== 'free') return sight
      // Whoever joins after this look sees our claim; who joined before it has to be looked at.
      const caughtUp = this.#group.catchUp()
      if (caughtUp === 'same') return 'free'
      if (caughtUp === 'behind') return 'busy'
    }
  }

  #lookAtAll(request: LockRequest): LockSight {
    for (const member of this.#group.others) {
      const sight = this.#lookAt(member, request)
      if (sight !== 'free') return sight
    }
    return 'free'
  }

  /** Looks at one member until it neither claims nor holds, or is in the way for good. */
  #lookAt(member: LockMember, request: LockRequest): LockSight {
    for (let looks = 0; looks < LOOKS; looks++) {
      const word = member.words.load(this.#at + LOCK_STATE)
      const phase = word & PHASE
      if (phase === NONE || phase === WAITING) return 'free'
      if (phase === HOLDING) return this.#blockedBy(member, word, request)
      const age = this.#compare(member, word, request)
      if (age === 'older') return (word & CONTEXT) !== 0 ? 'older' : 'busy'
      // It sees our claim and gives way, or did not see it and is about to hold.
    }
    return 'busy'
  }

  #blockedBy(member: LockMember, word: number, request: LockRequest): LockSight {
    if ((word & CONTEXT) === 0) return 'busy'
    return this.#compare(member, word, request) === 'older' ? 'older' : 'busy'
  }

  /** Which request is older; undefined where the other one has changed meanwhile. */
  #compare(
    member: LockMember,
    word: number,
    { stamp }: LockRequest,
  ): 'older' | 'younger' | undefined {
    const { words, index } = member
    const other = loadNumber(words, this.#at + LOCK_STAMP)
    // A claim that became a hold has the same serial and the same stamp.
    if ((words.load(this.#at + LOCK_STATE) | PHASE) !== (word | PHASE)) return undefined
    if (other !== stamp) return other < stamp ? 'older' : 'younger'
    return index < this.#group.index ? 'older' : 'younger'
  }

  #ringWaiters(): void {
    for (const member of this.#group.others) {
      const request = member.words.load(this.#at + LOCK_STATE)
      if ((request & PHASE) !== WAITING) continue
      const rung = this.#rung[member.index]
      if (rung?.member === member && rung.request === request) continue
      this.#rung[member.index] = { member, request }
      this.#group.ring(member)
    }
  }
}
