import { DmaBufError } from '../core/errors.js'
import {
  LIST_COUNT,
  LIST_ENTRY_WORDS,
  LIST_VERSION,
  listEntryAt,
  MAX_LIST_ENTRIES,
} from './member-page.js'
import { loadNumber, storeNumber } from './two-words.js'
import type { Words } from './words.js'

// The fences that one member has added to one buffer, in that member's page (see member-page.ts): a version word and
// two halves.
//   0 version: 0 no list yet; its lowest bit says which half counts   1, 2 how many entries each half has
//   16 … entries of the first half, then those of the second, 5 words each:
//     slot, generation of the slot, seqno low, seqno high, usage
// The other half is filled, and becomes the one that counts by one store of the version: whoever dies leaves the
// old list or the new one. A reader that finds the same version before and after has read one list.

/** The highest place in the order of usages: BOOKKEEP. */
const MAX_USAGE = 3

/** How often a list may change while it is read before whoever writes it counts as hostile. */
const READS = 1000

/** One fence of a list: it has signalled when the timeline in that slot has reached the seqno. */
export interface ListedFence {
  readonly slot: number
  /** Of the slot: a slot that is used again has another one. */
  readonly generation: number
  readonly seqno: number
  /** Place in the order of usages. @rule RESV-1 */
  readonly usage: number
}

/** Publishes our own fences of one buffer. */
export class FenceListWriter {
  readonly #words: Words
  readonly #at: number
  #version: number

  /** @param at - index of the list's first word in our page: goes on from what was published there */
  constructor(words: Words, at: number) {
    this.#words = words
    this.#at = at
    this.#version = words.read(at + LIST_VERSION)
  }

  /**
   * Replaces our list. The fences of the former one may still be read by whoever has just begun.
   *
   * @rule RESV-12
   * @param fences - at most MAX_LIST_ENTRIES
   */
  publish(fences: readonly ListedFence[]): void {
    // Never 0 again: that is no list, to whoever has read none yet. 2 counts for the same half.
    const version = (this.#version + 1) | 0 || 2
    const half = version & 1
    const words = this.#words
    words.store(this.#at + LIST_COUNT + half, fences.length)
    let at = listEntryAt(this.#at, half, 0)
    for (let i = 0; i < fences.length; i++, at += LIST_ENTRY_WORDS) {
      const { slot, generation, seqno, usage } = fences[i]!
      words.store(at, slot)
      words.store(at + 1, generation)
      storeNumber(words, at + 2, seqno)
      words.store(at + 4, usage)
    }
    this.#version = version
    words.store(this.#at + LIST_VERSION, version)
  }
}

/** Reads the list of another member, which may have written anything. */
export class FenceListReader {
  readonly #words: Words
  readonly #at: number
  readonly #slots: number
  #version = 0
  #fences: readonly ListedFence[] = []

  /**
   * @param at - index of the list's first word in that member's page
   * @param slots - how many slots that member has
   */
  constructor(words: Words, at: number, slots: number) {
    this.#words = words
    this.#at = at
    this.#slots = slots
  }

  /** The list as it was last read. */
  get fences(): readonly ListedFence[] {
    return this.#fences
  }

  /** Whether the list has been replaced since it was last read: one load. */
  get hasChanged(): boolean {
    return this.#words.load(this.#at + LIST_VERSION) !== this.#version
  }

  /**
   * Reads the list where it was replaced.
   *
   * @returns whether it was
   * @throws {DmaBufError} EPROTO where it is none, or is replaced without end
   */
  refresh(): boolean {
    for (let reads = 0; reads < READS; reads++) {
      const version = this.#words.load(this.#at + LIST_VERSION)
      if (version === this.#version) return false
      const fences = this.#read(version & 1)
      if (this.#words.load(this.#at + LIST_VERSION) !== version) continue
      if (fences === undefined) throw garbage('is none')
      this.#fences = fences
      this.#version = version
      return true
    }
    throw garbage('changes without end')
  }

  /** Undefined for what cannot be a list: garbage, or one that is being written. */
  #read(half: number): readonly ListedFence[] | undefined {
    const count = this.#words.load(this.#at + LIST_COUNT + half)
    if (count < 0 || count > MAX_LIST_ENTRIES) return undefined
    const fences: ListedFence[] = []
    for (let i = 0; i < count; i++) {
      const fence = this.#entry(listEntryAt(this.#at, half, i))
      if (fence === undefined) return undefined
      fences.push(fence)
    }
    return fences
  }

  #entry(at: number): ListedFence | undefined {
    const slot = this.#words.load(at)
    const generation = this.#words.load(at + 1)
    const seqno = loadNumber(this.#words, at + 2)
    const usage = this.#words.load(at + 4)
    if (slot < 0 || slot >= this.#slots || generation <= 0) return undefined
    if (!Number.isSafeInteger(seqno) || seqno < 1) return undefined
    if (usage < 0 || usage > MAX_USAGE) return undefined
    return { slot, generation, seqno, usage }
  }
}

function garbage(why: string): DmaBufError {
  return new DmaBufError(
    'EPROTO',
    'reservation',
    `The list of fences of another member of the domain ${why}`,
  )
}
