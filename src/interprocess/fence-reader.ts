import type { FenceSlot } from './fence-board.js'
import {
  LOG_ENTRIES,
  MEMBER_LOG,
  SLOT_GENERATION,
  WATCH_HAZARD,
  WATCH_WISH,
  type MemberLayout,
} from './member-page.js'
import { RemoteLine, type LineListener, type SlotKeeper } from './remote-line.js'
import { wishOf } from './seqno-wish.js'
import { loadNumber } from './two-words.js'
import type { Words } from './words.js'

/** A slot of another member while lines of ours look at it. */
interface Watched {
  readonly generation: number
  readonly lines: Set<RemoteLine>
  /** The seqno that is wished for; 0 none. */
  target: number
}

/**
 * The reader's half of another member's fences: keeps slots from being used again while we look at them,
 * asks to be rung, and finds what changed. Everything read is checked.
 */
export class FenceReader implements SlotKeeper {
  readonly layout: MemberLayout
  /** The other member's page. */
  readonly theirs: Words
  readonly #own: Words
  readonly #block: number
  readonly #watched = new Map<number, Watched>()
  /** Changes of the log that were looked at. */
  #seen: number

  /**
   * @param parts.theirs - the other member's page, checked
   * @param parts.own - our page
   * @param parts.block - of our watch words: which is about that member
   */
  constructor(
    parts: { readonly theirs: Words; readonly own: Words; readonly block: number },
    layout: MemberLayout,
  ) {
    this.theirs = parts.theirs
    this.#own = parts.own
    this.#block = parts.block
    this.layout = layout
    this.#seen = this.#logged() ?? 0
  }

  /**
   * Watches a slot from now on; look() at the line before you sleep.
   *
   * @returns undefined where the slot is not, or soon will not be, used so any more: look again at where you
   * had it from
   */
  watch(at: FenceSlot, listener: LineListener): RemoteLine | undefined {
    const line = new RemoteLine(this, listener)
    return line.moveTo(at, 0) ? line : undefined
  }

  /** Slots that are kept from being used again. */
  get watched(): number {
    return this.#watched.size
  }

  /**
   * Looks at all lines whose slots have changed since the last time: call it when rung.
   *
   * What the log says is only where to look, so a wrong one costs its owner's own fences at most.
   */
  catchUp(): void {
    const from = this.#seen
    const upTo = this.#logged()
    if (upTo === from) return
    if (upTo === undefined || upTo < from || upTo - from > LOG_ENTRIES) {
      this.#lookAtAll(upTo)
      return
    }
    const slots: number[] = []
    for (let change = from; change < upTo; change++)
      slots.push(this.theirs.load(this.layout.log + (change % LOG_ENTRIES)))
    // Its owner may have written over what was being read: then nobody knows what changed.
    const now = this.#logged()
    if (now === undefined || now < from || now - from >= LOG_ENTRIES) {
      this.#lookAtAll(upTo)
      return
    }
    this.#seen = upTo
    for (const slot of slots) this.#lookAt(slot)
  }

  /** Looks at all lines: a last time, before what is still pending fails. */
  lookAtAll(): void {
    this.#lookAtAll(this.#logged())
  }

  /** Makes sure that a line's slot is not used again while it looks. @internal for RemoteLine */
  enter({ slot, generation }: FenceSlot, line: RemoteLine): boolean {
    const { slots } = this.layout.shape
    if (!(slot >= 0 && slot < slots && generation > 0)) return false
    const known = this.#watched.get(slot)
    if (known !== undefined) {
      if (known.generation !== generation) return false
      known.lines.add(line)
      return true
    }
    const at = this.layout.watchAt(this.#block, slot)
    this.#own.store(at + WATCH_HAZARD, generation)
    if (this.theirs.load(this.layout.slotAt(slot) + SLOT_GENERATION) !== generation) {
      this.#own.store(at + WATCH_HAZARD, 0)
      return false
    }
    this.#watched.set(slot, { generation, lines: new Set([line]), target: 0 })
    return true
  }

  /** Lets a slot go, unless another line looks at it. @internal for RemoteLine */
  leave(slot: number, line: RemoteLine): void {
    const watched = this.#watched.get(slot)
    if (watched?.lines.delete(line) !== true || watched.lines.size > 0) return
    this.#watched.delete(slot)
    const at = this.layout.watchAt(this.#block, slot)
    this.#own.store(at + WATCH_WISH, 0)
    this.#own.store(at + WATCH_HAZARD, 0)
  }

  /** Stores the nearest of what the lines of a slot want. @internal for RemoteLine */
  wish(slot: number): boolean {
    const watched = this.#watched.get(slot)
    if (watched === undefined) return false
    let nearest = Infinity
    for (const { target = Infinity } of watched.lines) nearest = Math.min(nearest, target)
    if (nearest === Infinity || nearest === watched.target) return false
    watched.target = nearest
    this.#own.store(this.layout.watchAt(this.#block, slot) + WATCH_WISH, wishOf(nearest))
    return true
  }

  #lookAt(slot: number): void {
    const lines = this.#watched.get(slot)?.lines
    if (lines === undefined) return
    if (lines.size === 1) {
      for (const line of lines) line.look()
      return
    }
    // The wish that was granted may have been that of a line that looked after the others: they wish anew.
    do for (const line of [...lines]) line.look()
    while (this.wish(slot))
  }

  #lookAtAll(upTo: number | undefined): void {
    if (upTo !== undefined && upTo > this.#seen) this.#seen = upTo
    for (const slot of [...this.#watched.keys()]) this.#lookAt(slot)
  }

  // Undefined for what is no count. One that is read while it passes 2^32 is too small: both reads of a look
  // being wrong by as much as to fit would take twice 2^32 changes within it.
  #logged(): number | undefined {
    const value = loadNumber(this.theirs, MEMBER_LOG)
    return Number.isSafeInteger(value) ? value : undefined
  }
}
