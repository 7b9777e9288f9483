import { numberOf } from './two-words.js'
import type { Words } from './words.js'

/**
 * Reads a rising counter of another process, which may write anything into its two words: the value never goes
 * back and is always a safe integer, whatever the page says.
 */
export class CounterReader {
  readonly #words: Words
  readonly #index: number
  #value: number
  /** What the high word was when it was last ordered before the low one. */
  #high = 0

  constructor(words: Words, index: number, floor = 0) {
    this.#words = words
    this.#index = index
    this.#value = floor
  }

  /** The highest value seen so far, without looking. */
  get latest(): number {
    return this.#value
  }

  /** Looks at the page, and says the highest value seen so far. */
  load(): number {
    // High first: with a low word that is newer than it, the value is too small and the latch keeps it out. While it
    // is what it was nothing has to be ordered, since it never comes back to that: a plain look will do, and is
    // no call.
    if (this.#words.read(this.#index + 1) !== this.#high)
      this.#high = this.#words.load(this.#index + 1)
    const value = numberOf(this.#high, this.#words.load(this.#index))
    if (value > this.#value && Number.isSafeInteger(value)) this.#value = value
    return this.#value
  }
}
