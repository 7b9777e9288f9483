/** The part of the web's and Node's AbortSignal that waits need. */
export interface AbortSignalLike {
  readonly aborted: boolean
  readonly reason?: unknown
  /** Calls the listener when the signal is aborted. */
  addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean }): void
  /** Takes that listener off. */
  removeEventListener(type: 'abort', listener: () => void): void
}

/** How long a wait may take. An aborted signal rejects with its reason, a timeout with ETIMEDOUT. */
export interface WaitOptions {
  readonly signal?: AbortSignalLike | undefined
  /** Milliseconds, 0 and up; no limit where absent. */
  readonly timeoutMs?: number | undefined
}

/** What core asks of the runtime it is in. Replaced in tests by a manual clock. */
export interface Host {
  /** Monotonic nanoseconds (CLOCK_MONOTONIC on Linux); exact to 1 ns until 104 days of uptime, then 2 ns. */
  nowNs(): number
  /**
   * Calls back once after at least that long; the result cancels it.
   *
   * @param isBackground - nobody waits for it: it keeps no program running
   */
  setTimer(delayMs: number, callback: () => void, isBackground?: boolean): () => void
}

interface Runtime {
  setTimeout(callback: () => void, delayMs: number): unknown
  clearTimeout(timer: unknown): void
  performance: { now(): number }
  process?: { hrtime?: (this: void) => readonly [number, number] }
}

const runtime = globalThis as unknown as Runtime

/** The longest delay setTimeout() takes; a longer one would end at once. */
const MAX_DELAY_MS = 2 ** 31 - 1

const hrtime = runtime.process?.hrtime

// Seconds and nanoseconds: as exact as hrtime.bigint(), which costs half as much again for the bigint.
function hrtimeNs(): number {
  const time = hrtime!()
  return time[0] * 1e9 + time[1]
}

function performanceNs(): number {
  return runtime.performance.now() * 1e6
}

const systemHost: Host = {
  nowNs: hrtime === undefined ? performanceNs : hrtimeNs,
  setTimer(delayMs, callback, isBackground = false) {
    let timer: unknown = undefined
    const start = (leftMs: number): void => {
      const turnMs = Math.min(leftMs, MAX_DELAY_MS)
      const next = leftMs > turnMs ? () => start(leftMs - turnMs) : callback
      timer = runtime.setTimeout(next, turnMs)
      if (isBackground) (timer as { unref?: () => void }).unref?.()
    }
    start(delayMs)
    return () => {
      runtime.clearTimeout(timer)
    }
  },
}

let current = systemHost

/** The host in use. */
export function host(): Host {
  return current
}

/** Replaces the host until the result is disposed. For tests. */
export function useHost(replacement: Host): Disposable {
  const previous = current
  current = replacement
  return {
    [Symbol.dispose]() {
      current = previous
    },
  }
}
