import {
  LOG_ENTRIES,
  MAX_GENERATION,
  MEMBER_LOG,
  MEMBER_SLEEPS,
  SLOT_COUNTER,
  SLOT_ERRNO,
  SLOT_GENERATION,
  SLOT_NEXT,
  SLOT_NEXT_GENERATION,
  WATCH_HAZARD,
  WATCH_WISH,
  type MemberLayout,
} from './member-page.js'
import { isGranted } from './seqno-wish.js'
import { readNumber, storeNumber } from './two-words.js'
import type { Words } from './words.js'

/** One use of one slot: what a fence of another process is named by, with its seqno. */
export interface FenceSlot {
  readonly slot: number
  readonly generation: number
}

/** How the owner of a board wakes the others. */
export interface Waker {
  /** Rings the bell of a member, once. */
  ring(member: number): void
  /** Wakes all threads that sleep on the low word of a slot's counter. */
  wake(slot: number): void
  /**
   * Where members join without waiting for us: looks whether somebody did, and admits who did. False where
   * somebody is there of whom nothing is known yet. Asked between closing a slot and looking who keeps it.
   */
  knowsAll?(): boolean
}

/** Another member as the owner of a board sees it. */
interface Watcher {
  readonly member: number
  readonly words: Words
  /** Its block of watch words that is about our slots. */
  readonly block: number
}

/** How a board begins, so that tests need not wait for numbers to become large. */
export interface BoardStart {
  readonly generation?: number
  readonly logged?: number
}

/** Slots that are tried when one is wanted: a few, so that each is tried often enough but none too often. */
const TRIES = 4

/**
 * The owner's half of fences that several processes share: hands out the slots of its page, publishes
 * progress in them, says whom to wake, and takes slots back that nobody looks at any more.
 *
 * A slot is kept by pins of the owner (its publisher, a list, a message that is under way, the slot before
 * it) and by the hazard words of the others. One whose last pin is gone is retired: it is used again once no
 * member has its generation as a hazard.
 */
export class FenceBoard {
  readonly layout: MemberLayout
  readonly #words: Words
  readonly #waker: Waker
  #watchers: readonly Watcher[] = []
  readonly #pins: Int32Array
  readonly #free: number[] = []
  /** Slots without a pin, oldest first from #oldest on. */
  #retired: number[] = []
  #oldest = 0
  /** Slots from here on were never used. */
  #fresh = 0
  #logged: number

  /** @param words - zeroed, but for what initMemberPage() wrote */
  constructor(words: Words, layout: MemberLayout, waker: Waker, start: BoardStart = {}) {
    const { generation = 0, logged = 0 } = start
    this.layout = layout
    this.#words = words
    this.#waker = waker
    this.#pins = new Int32Array(layout.shape.slots)
    this.#logged = logged
    if (logged > 0) storeNumber(words, MEMBER_LOG, logged)
    for (let slot = 0; generation > 0 && slot < layout.shape.slots; slot++)
      words.store(layout.slotAt(slot) + SLOT_GENERATION, -generation)
  }

  /**
   * Counts a member in: its wishes are heard and its hazards respected from now on.
   *
   * @param words - its page, checked
   * @param block - of its watch words: which is about us
   */
  admit(member: number, words: Words, block: number): void {
    this.dismiss(member)
    this.#watchers = [...this.#watchers, { member, words, block }]
  }

  /** Forgets a member that is dead or evicted: its words count no more. */
  dismiss(member: number): void {
    this.#watchers = this.#watchers.filter((watcher) => watcher.member !== member)
  }

  /** Rings everybody: who keeps slots without need looks, and lets them go. */
  ringAll(): void {
    for (const { member } of this.#watchers) this.#waker.ring(member)
  }

  /** Slots that are in use, or kept by somebody. */
  get used(): number {
    return this.#fresh - this.#free.length
  }

  /**
   * Takes a slot, with one pin; undefined where the others are kept.
   *
   * @param value - the seqno that is signalled from the start
   * @param spare - slots that have to be left, for timelines that go on after a failure
   */
  allocate(value = 0, spare = 0): FenceSlot | undefined {
    this.#reclaim(TRIES)
    const { slots } = this.layout.shape
    if (this.used + spare >= slots) this.#reclaim(this.#retired.length - this.#oldest)
    if (this.used + spare >= slots) return undefined
    const slot = this.#free.pop() ?? this.#fresh++
    const words = this.#words
    const at = this.layout.slotAt(slot)
    const last = -words.read(at + SLOT_GENERATION)
    const generation = last === MAX_GENERATION ? 1 : last + 1
    words.store(at + SLOT_ERRNO, 0)
    words.write(at + SLOT_NEXT, 0)
    words.write(at + SLOT_NEXT_GENERATION, 0)
    storeNumber(words, at + SLOT_COUNTER, value)
    // Last: whoever finds it may read the rest.
    words.store(at + SLOT_GENERATION, generation)
    this.#pins[slot] = 1
    return { slot, generation }
  }

  /** The generation of a slot in use. */
  generationOf(slot: number): number {
    return this.#words.read(this.layout.slotAt(slot) + SLOT_GENERATION)
  }

  /** Keeps a slot that is pinned already for one more reason. */
  pin(slot: number): void {
    this.#pins[slot]!++
  }

  /** Takes one pin back; a slot without any is used again when no other member looks at it. */
  unpin(slot: number): void {
    const left = (this.#pins[slot] ?? 0) - 1
    this.#pins[slot] = left
    if (left === 0) this.#retired.push(slot)
  }

  /** Publishes that a slot's seqnos up to this are signalled, without error. It has to rise. */
  signal(slot: number, seqno: number): void {
    const words = this.#words
    const at = this.layout.slotAt(slot) + SLOT_COUNTER
    const before = readNumber(words, at)
    storeNumber(words, at, seqno)
    this.#log(slot)
    let sleeps = false
    for (const { member, words: theirs, block } of this.#watchers) {
      const wish = theirs.load(this.layout.watchAt(block, slot) + WATCH_WISH)
      if (isGranted(wish, before, seqno)) this.#waker.ring(member)
      if (theirs.load(MEMBER_SLEEPS) !== 0) sleeps = true
    }
    if (sleeps) this.#waker.wake(slot)
  }

  /**
   * Publishes that `seqno` failed and that those before it are signalled; those after it are to be found in
   * `next`. The pin of the publisher is then that of `next`.
   *
   * @param failure.seqno - above what is signalled
   * @param failure.next - a slot of allocate(seqno)
   */
  fail(
    slot: number,
    failure: { readonly seqno: number; readonly errno: number; readonly next: FenceSlot },
  ): void {
    const { seqno, errno, next } = failure
    const at = this.layout.slotAt(slot)
    this.#words.write(at + SLOT_NEXT, next.slot + 1)
    this.#words.write(at + SLOT_NEXT_GENERATION, next.generation)
    this.pin(next.slot)
    this.#stop(slot, errno, seqno - 1)
    this.unpin(slot)
  }

  /** Publishes that all seqnos that are not signalled failed. */
  end(slot: number, errno: number): void {
    this.#stop(slot, errno, 0)
  }

  /** The member that keeps most of the retired slots, and how many; undefined where none does. */
  get hoarder(): { readonly member: number; readonly slots: number } | undefined {
    let most: { member: number; slots: number } | undefined
    for (const watcher of this.#watchers) {
      const { member } = watcher
      let slots = 0
      for (let i = this.#oldest; i < this.#retired.length; i++)
        if (this.#isHeldBy(watcher, this.#retired[i]!)) slots++
      if (slots > (most?.slots ?? 0)) most = { member, slots }
    }
    return most
  }

  #stop(slot: number, errno: number, seqno: number): void {
    const words = this.#words
    const at = this.layout.slotAt(slot)
    if (seqno > readNumber(words, at + SLOT_COUNTER)) storeNumber(words, at + SLOT_COUNTER, seqno)
    // Last: whoever sees it finds the final counter and the next slot.
    words.store(at + SLOT_ERRNO, errno)
    this.#log(slot)
    let sleeps = false
    for (const { member, words: theirs, block } of this.#watchers) {
      const wish = theirs.load(this.layout.watchAt(block, slot) + WATCH_WISH)
      if (wish !== 0) this.#waker.ring(member)
      if (theirs.load(MEMBER_SLEEPS) !== 0) sleeps = true
    }
    if (sleeps) this.#waker.wake(slot)
  }

  #log(slot: number): void {
    this.#words.store(this.layout.log + (this.#logged % LOG_ENTRIES), slot)
    storeNumber(this.#words, MEMBER_LOG, ++this.#logged)
  }

  /** Tries to take back so many of the retired slots, the oldest first. */
  #reclaim(tries: number): void {
    for (let i = Math.min(tries, this.#retired.length - this.#oldest); i > 0; i--) {
      const slot = this.#retired[this.#oldest++]!
      if (!this.#close(slot)) this.#retired.push(slot)
    }
    if (this.#oldest < 64 || this.#oldest * 2 < this.#retired.length) return
    this.#retired = this.#retired.slice(this.#oldest)
    this.#oldest = 0
  }

  // The owner says that it closes the slot, then looks for hazards; a reader stores its hazard, then looks
  // whether the slot is open. So one of them sees the other.
  #close(slot: number): boolean {
    const at = this.layout.slotAt(slot)
    const generation = this.#words.read(at + SLOT_GENERATION)
    this.#words.store(at + SLOT_GENERATION, -generation)
    // Who joins after this look finds the slot closed.
    if (this.#waker.knowsAll?.() === false) {
      this.#words.store(at + SLOT_GENERATION, generation)
      return false
    }
    for (const watcher of this.#watchers)
      if (this.#isHazard(watcher, slot, generation)) {
        this.#words.store(at + SLOT_GENERATION, generation)
        return false
      }
    this.#free.push(slot)
    const next = this.#words.read(at + SLOT_NEXT)
    if (next !== 0) this.unpin(next - 1)
    return true
  }

  #isHeldBy(watcher: Watcher, slot: number): boolean {
    return this.#isHazard(watcher, slot, this.generationOf(slot))
  }

  #isHazard({ words, block }: Watcher, slot: number, generation: number): boolean {
    return words.load(this.layout.watchAt(block, slot) + WATCH_HAZARD) === generation
  }
}
