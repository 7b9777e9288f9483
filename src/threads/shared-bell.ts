import { host } from '../core/host.js'
import { nextTurn } from '../frames/event-loop-turns.js'

interface AsyncWait {
  readonly async: boolean
  readonly value: PromiseLike<unknown> | string
}

/** What some runtimes lack. @internal */
export type WaitAsync = (words: Int32Array, index: number, value: number) => AsyncWait

const { waitAsync: runtimeWaitAsync } = Atomics as unknown as { waitAsync?: WaitAsync }

/** How long a runtime without Atomics.waitAsync sleeps between two looks. */
const LOOK_MS = 4

/** Wakes another thread through a word of shared memory that only the ringer writes. */
export class SharedBell {
  readonly #words: Int32Array
  readonly #index: number

  constructor(words: Int32Array, index: number) {
    this.#words = words
    this.#index = index
  }

  /** Wakes the listener's event loop. Never waits. */
  ring(): void {
    Atomics.store(this.#words, this.#index, Atomics.load(this.#words, this.#index) + 1)
    Atomics.notify(this.#words, this.#index)
  }
}

/** The other half: calls back on the event loop for each ring, or several rings at once. */
export class SharedBellListener implements Disposable {
  readonly #words: Int32Array
  readonly #index: number
  readonly #rung: () => void
  readonly #waitAsync: WaitAsync | undefined
  #seen: number
  #stop: (() => void) | undefined
  #closed = false

  /**
   * @param rung - called on the event loop; listening keeps no program running
   * @param waitAsync - the runtime's; a timer stands in where it has none
   */
  constructor(
    words: Int32Array,
    index: number,
    rung: () => void,
    waitAsync: WaitAsync | null = runtimeWaitAsync ?? null,
  ) {
    this.#words = words
    this.#index = index
    this.#rung = rung
    this.#waitAsync = waitAsync ?? undefined
    this.#seen = Atomics.load(words, index)
    this.#sleep()
  }

  [Symbol.dispose](): void {
    if (this.#closed) return
    this.#closed = true
    this.#stop?.()
    // Takes our own sleep off the word: a promise that nobody settles would stay for ever.
    Atomics.notify(this.#words, this.#index)
  }

  #sleep(): void {
    if (this.#waitAsync === undefined) {
      this.#stop = host().setTimer(LOOK_MS, this.#look, true)
      return
    }
    const { async, value } = this.#waitAsync(this.#words, this.#index, this.#seen)
    // Rung already: not at once, so that a ringer in a hurry leaves the event loop its turns.
    if (!async || typeof value === 'string') nextTurn(this.#look)
    else void value.then(this.#look)
  }

  readonly #look = (): void => {
    if (this.#closed) return
    const value = Atomics.load(this.#words, this.#index)
    const isRung = value !== this.#seen
    this.#seen = value
    try {
      if (isRung) this.#rung()
    } finally {
      if (!this.#closed) this.#sleep()
    }
  }
}
