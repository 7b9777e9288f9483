// Synchronous code that can be stopped before each of its steps and go on later: it is run again from its start with
// the answers that it got before. So it must be deterministic, and keep nothing outside but through act().
import type { Words } from '#src/interprocess/words.js'

const PAUSE = new Error('paused')

/** One participant of an interleaving. */
export class Stepped {
  readonly #program: () => void
  readonly #answers: unknown[] = []
  #position = 0
  #mayAct = false
  #isReady: () => boolean = () => true
  #isDone = false

  constructor(program: () => void) {
    this.#program = program
  }

  /** Whether the program has returned. */
  get isDone(): boolean {
    return this.#isDone
  }

  /** Whether it can make a step now: it may be asleep. */
  get isReady(): boolean {
    return !this.#isDone && this.#isReady()
  }

  /** How many steps it has made. */
  get steps(): number {
    return this.#answers.length
  }

  /** Makes one step, the one that it stopped before. */
  step(): void {
    this.#mayAct = true
    this.#run()
  }

  /** One step of the program: done once, and answered from memory whenever it is run again. */
  readonly act = <T>(perform: () => T, isReady: () => boolean = () => true): T => {
    if (this.#position < this.#answers.length) return this.#answers[this.#position++] as T
    if (!this.#mayAct) {
      this.#isReady = isReady
      throw PAUSE
    }
    this.#mayAct = false
    const answer = perform()
    this.#answers.push(answer)
    this.#position++
    return answer
  }

  /** Words whose every access is a step. */
  readonly words = (words: Words): Words => {
    return {
      length: words.length,
      load: (index) => this.act(() => words.load(index)),
      read: (index) => this.act(() => words.read(index)),
      store: (index, value) => this.act(() => words.store(index, value)),
      write: (index, value) => this.act(() => words.write(index, value)),
    }
  }

  #run(): void {
    this.#position = 0
    try {
      this.#program()
      this.#isDone = true
    } catch (error) {
      if (error !== PAUSE) throw error
    }
  }
}
