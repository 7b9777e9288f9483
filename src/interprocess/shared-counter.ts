import type { Words } from './words.js'

const WORD = 2 ** 32

/**
 * Writes a rising 53-bit counter into two words: low, high.
 *
 * The low word is stored first: a reader between the two stores sees a value that is too small, never
 * one that is too large, and the store of the high word follows at once.
 */
export function storeCounter(words: Words, index: number, value: number): void {
  words.store(index, value | 0)
  const high = Math.floor(value / WORD)
  if (words.read(index + 1) !== high) words.store(index + 1, high)
}

/**
 * Reads such a counter of another process, which may write anything: the value never goes back and is
 * always a safe integer, whatever the page says.
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
    // High first: with a low word that is newer than it, the value is too small and the latch keeps it out.
    const high = this.#words.load(this.#index + 1)
    const low = this.#words.load(this.#index)
    const value = high * WORD + (low >>> 0)
    if (value > this.#value && Number.isSafeInteger(value)) this.#value = value
    return this.#value
  }
}
