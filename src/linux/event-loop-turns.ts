const TURN_MS = 5

/**
 * Says when a loop over frames that are always ready has to let the event loop turn.
 *
 * Such a loop goes from promise to promise; without a pause no timer, signal or link of the process would
 * ever be served: a camera would not notice that its viewer died.
 */
export class EventLoopTurns {
  #lastMs = performance.now()

  /** Whether it is time for one, at most every few milliseconds. */
  isDue(): boolean {
    const nowMs = performance.now()
    if (nowMs - this.#lastMs < TURN_MS) return false
    this.#lastMs = nowMs
    return true
  }
}

/** Resolves to the value when the event loop has turned once. */
export function afterTurn<T>(value: T): Promise<T> {
  return new Promise((resolve) => {
    setImmediate(() => {
      resolve(value)
    })
  })
}
