import type { Words } from './words.js'

/**
 * "Ring me": a word of the sleeper's own page that takes a new value each time it wants to be woken, so
 * that one wish is answered by one ring however much happens before the sleeper looks again.
 *
 * The sleeper: ask(), look once more, sleep. The ringer: publish, then ring if take() says so. With
 * sequentially consistent words one of the two always sees the other.
 */
export class BellWish {
  readonly #words: Words
  readonly #index: number
  #value = 0

  constructor(words: Words, index: number) {
    this.#words = words
    this.#index = index
  }

  /** Asks for one ring. */
  ask(): void {
    this.#value = (this.#value + 1) & 0x7fffffff || 1
    this.#words.store(this.#index, this.#value)
  }
}

/** The ringer's look at somebody's wish. */
export class BellWatch {
  readonly #words: Words
  readonly #index: number
  #answered = 0

  constructor(words: Words, index: number) {
    this.#words = words
    this.#index = index
  }

  /** Whether to ring now: true once for each wish. */
  take(): boolean {
    const wanted = this.#words.load(this.#index)
    if (wanted === this.#answered) return false
    this.#answered = wanted
    return wanted !== 0
  }
}
