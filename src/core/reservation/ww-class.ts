import { host } from '../host.js'

/**
 * How a lock decides who gives way. `wait-die`: the younger asks, finds an older one, and gives way at
 * once. `wound-wait`: the older asks, and the younger holder gives way when it next has to wait.
 */
export type WwAlgorithm = 'wait-die' | 'wound-wait'

/** Stamps count modulo this, so that all of them are exact. */
const STAMPS = 2 ** 53

/** What a class may be told besides its name and algorithm. */
export interface WwClassOptions {
  /** The stamp before the first one, 0 where absent: for tests of the wrap. */
  readonly lastStamp?: number
}

/**
 * A family of locks of which several may be held at once, and the counter that says who came first.
 *
 * Contexts and locks of different classes must not meet.
 *
 * @kernel ww_class
 * @rule WW-1, WW-22
 */
export class WwClass {
  readonly name: string
  readonly algorithm: WwAlgorithm
  #stamp: number
  #followsClock = false

  constructor(name: string, algorithm: WwAlgorithm, { lastStamp = 0 }: WwClassOptions = {}) {
    this.name = name
    this.algorithm = algorithm
    this.#stamp = lastStamp
  }

  /** Counts one more context; the first of a class is 1. @rule WW-2 */
  takeStamp(): number {
    if (this.#followsClock) return (this.#stamp = Math.max(this.#stamp + 1, nowUs()))
    this.#stamp = this.#stamp === STAMPS - 1 ? 0 : this.#stamp + 1
    return this.#stamp
  }

  /**
   * From now on stamps are microseconds of the monotonic clock, each larger than the one before: so contexts of
   * several processes have an age among each other. Those from before count as old.
   */
  followClock(): void {
    this.#followsClock = true
  }
}

function nowUs(): number {
  return Math.floor(host().nowNs() / 1000)
}

/** Whether stamp `a` was given out before `b`, though the counter may have wrapped between. @rule WW-2 */
export function isOlderStamp(a: number, b: number): boolean {
  const distance = a - b
  return distance < 0 !== Math.abs(distance) > STAMPS / 2
}
