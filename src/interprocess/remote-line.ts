import type { FenceSlot } from './fence-board.js'
import {
  SLOT_COUNTER,
  SLOT_ERRNO,
  SLOT_NEXT,
  SLOT_NEXT_GENERATION,
  type MemberLayout,
} from './member-page.js'
import { reachable } from './seqno-wish.js'
import { CounterReader } from './shared-counter.js'
import type { Words } from './words.js'

const EPROTO = 71
const MAX_ERRNO = 4095

/** Failures that one look goes past: slots that go in circles are no timeline. */
const MAX_MOVES = 2 ** 20

/** Hears what another member's timeline does. Any call may be repeated. */
export interface LineListener {
  /** The lowest seqno that somebody waits for now; undefined while nobody does. */
  readonly wanted: number | undefined
  /** All seqnos up to this are signalled without error, but those that were told as failed. */
  advanced(seqno: number): void
  /** This seqno failed; all before it are signalled, but those that were told as failed. */
  failed(seqno: number, errno: number): void
  /** All seqnos that are not signalled failed. */
  ended(errno: number): void
}

/** Who keeps slots for lines: a FenceReader. */
export interface SlotKeeper {
  /** The page of the slots. */
  readonly theirs: Words
  readonly layout: MemberLayout
  /** Keeps a slot from being used again for this line; false where it is not used so any more. */
  enter(at: FenceSlot, line: RemoteLine): boolean
  /** Lets it go. */
  leave(slot: number, line: RemoteLine): void
  /** Stores what the lines of a slot want, and says whether that is new: then look once more. */
  wish(slot: number): boolean
}

/** One timeline of another member, followed from slot to slot. A single fence is its seqno 1. */
export class RemoteLine {
  readonly #keeper: SlotKeeper
  readonly #listener: LineListener
  #slot = -1
  #counter: CounterReader | undefined

  /** @internal Use FenceReader.watch(). */
  constructor(keeper: SlotKeeper, listener: LineListener) {
    this.#keeper = keeper
    this.#listener = listener
  }

  /** The slot that it is in now; -1 once closed. */
  get slot(): number {
    return this.#slot
  }

  /** The highest signalled seqno that was seen. */
  get latest(): number {
    return this.#counter?.latest ?? 0
  }

  /** At which seqno it wants to be rung next; undefined where nobody waits. */
  get target(): number | undefined {
    const { wanted } = this.#listener
    if (wanted === undefined || wanted <= this.latest) return undefined
    return reachable(wanted, this.latest)
  }

  /**
   * Looks at the slot, goes on to the next where a seqno failed, and asks to be rung if somebody still
   * waits. Call it when rung, before a sleep, and when what is wanted has changed.
   */
  look(): void {
    const { theirs, layout } = this.#keeper
    for (let moves = 0; ;) {
      const counter = this.#counter
      if (counter === undefined) return
      const at = layout.slotAt(this.#slot)
      const seqno = counter.load()
      const errno = theirs.load(at + SLOT_ERRNO)
      if (errno === 0) {
        this.#listener.advanced(seqno)
        if (this.#listener.wanted === undefined || !this.#keeper.wish(this.#slot)) return
      } else if (!this.#goOn(at, counter.load(), errno)) return
      else if (++moves > MAX_MOVES) {
        this.#listener.ended(EPROTO)
        return
      }
    }
  }

  /** Looks at another slot from now on; false, and where it was, if that cannot be. @internal */
  moveTo(next: FenceSlot, value: number): boolean {
    const before = this.#slot
    if (next.slot === before || !this.#keeper.enter(next, this)) return false
    const at = this.#keeper.layout.slotAt(next.slot) + SLOT_COUNTER
    this.#slot = next.slot
    this.#counter = new CounterReader(this.#keeper.theirs, at, value)
    if (before >= 0) this.#keeper.leave(before, this)
    return true
  }

  /** Lets the slot go. Idempotent. */
  close(): void {
    if (this.#slot < 0) return
    const slot = this.#slot
    this.#slot = -1
    this.#counter = undefined
    this.#keeper.leave(slot, this)
  }

  /** The slot at `at` has stopped after `last`; whether there is another to look at. */
  #goOn(at: number, last: number, error: number): boolean {
    const { theirs } = this.#keeper
    const errno = error > 0 && error <= MAX_ERRNO ? error : EPROTO
    const slot = theirs.read(at + SLOT_NEXT) - 1
    const generation = theirs.read(at + SLOT_NEXT_GENERATION)
    if (slot === -1) {
      this.#listener.advanced(last)
      this.#listener.ended(errno)
      return false
    }
    // The slot before keeps the next one from being used again: it is there, or its owner lies.
    if (!Number.isSafeInteger(last + 1) || !this.moveTo({ slot, generation }, last + 1)) {
      this.#listener.advanced(last)
      this.#listener.ended(EPROTO)
      return false
    }
    this.#listener.failed(last + 1, errno)
    return true
  }
}
