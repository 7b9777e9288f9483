import { useHost, type Host } from '../core/host.js'

interface Timer {
  readonly dueNs: number
  readonly callback: () => void
}

/**
 * Time and timers under a test's hand: it stands still until advance(), so that no test of time waits for time.
 */
export class ManualClock implements Host {
  #nowNs: number
  readonly #timers = new Set<Timer>()

  /** @param nowNs - where it stands at first */
  constructor(nowNs = 5_000_000_000) {
    this.#nowNs = nowNs
  }

  /** Monotonic nanoseconds. */
  nowNs(): number {
    return this.#nowNs
  }

  /** Calls back when advance() gets there. */
  setTimer(delayMs: number, callback: () => void): () => void {
    const timer = { dueNs: this.#nowNs + delayMs * 1e6, callback }
    this.#timers.add(timer)
    return () => {
      this.#timers.delete(timer)
    }
  }

  /** Timers that are set and neither due nor cancelled. */
  get timerCount(): number {
    return this.#timers.size
  }

  /** Lets time pass: timers that become due call back in the order of their time. */
  advance(ms: number): void {
    const endNs = this.#nowNs + ms * 1e6
    for (;;) {
      const due = [...this.#timers].filter(({ dueNs }) => dueNs <= endNs)
      const [first] = due.sort((a, b) => a.dueNs - b.dueNs)
      if (first === undefined) break
      this.#timers.delete(first)
      this.#nowNs = first.dueNs
      first.callback()
    }
    this.#nowNs = endNs
  }
}

/** Puts a manual clock in place of the host's until it is disposed. */
export function useManualClock(): Disposable & { readonly clock: ManualClock } {
  const clock = new ManualClock()
  const use = useHost(clock)
  return {
    clock,
    [Symbol.dispose]() {
      use[Symbol.dispose]()
    },
  }
}
