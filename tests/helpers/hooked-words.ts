// Words that call somebody before every access: the place where another process may run.
import { ArrayWords, type Words } from '#src/interprocess/words.js'

/** One access to a word, about to happen. */
export interface WordAccess {
  readonly kind: 'load' | 'store' | 'read' | 'write'
  readonly index: number
}

/** Words of another participant: `before` runs before each access, and may use the same memory. */
export class HookedWords implements Words {
  readonly #words: Words
  readonly #before: (access: WordAccess) => void

  constructor(words: Words, before: (access: WordAccess) => void) {
    this.#words = words
    this.#before = before
  }

  get length(): number {
    return this.#words.length
  }

  load(index: number): number {
    this.#before({ kind: 'load', index })
    return this.#words.load(index)
  }

  store(index: number, value: number): void {
    this.#before({ kind: 'store', index })
    this.#words.store(index, value)
  }

  read(index: number): number {
    this.#before({ kind: 'read', index })
    return this.#words.read(index)
  }

  write(index: number, value: number): void {
    this.#before({ kind: 'write', index })
    this.#words.write(index, value)
  }
}

/** Somebody else who runs once, before access number `at` (from 0) to words of ours after arm(). */
export class Interruption {
  readonly #at: number
  readonly #other: () => void
  #count = Number.NEGATIVE_INFINITY

  constructor(at: number, other: () => void) {
    this.#at = at
    this.#other = other
  }

  readonly wrap = (words: Words): HookedWords => {
    return new HookedWords(words, () => {
      if (this.#count++ === this.#at) this.#other()
    })
  }

  /** Counts from now on. */
  arm(): void {
    this.#count = 0
  }

  get happened(): boolean {
    return this.#count > this.#at
  }
}

/** Runs `other` before access number `at` (from 0) of whoever uses the words this gives. */
export function interruptAt(words: Words, at: number, other: () => void): HookedWords {
  const interruption = new Interruption(at, other)
  interruption.arm()
  return interruption.wrap(words)
}

/** A zeroed page. */
export function wordsOf(count: number): ArrayWords {
  return new ArrayWords(new SharedArrayBuffer(count * 4))
}
