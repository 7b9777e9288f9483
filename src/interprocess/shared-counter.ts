import { loadNumber } from './two-words.js'
import type { Words } from './words.js'

/**
 * Reads a rising counter of another process, which may write anything into its two words: the value never goes
 * back and is always a safe integer, whatever the page says.
 */
export class CounterReader {
  readonly #words: Words
  readonly #index: number
  #value: number

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
    // With a low word that is newer than the high one, the value is too small and the latch keeps it out.
    const value = loadNumber(this.#words, this.#index)
    if (value > this.#value && Number.isSafeInteger(value)) this.#value = value
    return this.#value
  }
}
