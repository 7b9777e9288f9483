import { callSafely } from './exporter-calls.js'

/**
 * Those who wait for a buffer to become ready.
 *
 * @kernel wait_queue_head
 * @rule BUF-39
 */
export class PollWaiters {
  /** The events of each add() of a function, oldest first. */
  readonly #waiters = new Map<() => void, number[]>()
  #size = 0
  /** Events whose waiters are being called now. */
  #waking = 0
  readonly #emptied: () => void

  /** @param emptied - called when the last of them was removed */
  constructor(emptied: () => void = () => {}) {
    this.#emptied = emptied
  }

  get size(): number {
    return this.#size
  }

  /** Calls `wake` for these events until it is removed. */
  add(events: number, wake: () => void): void {
    const added = this.#waiters.get(wake)
    if (added === undefined) this.#waiters.set(wake, [events])
    else added.push(events)
    this.#size++
  }

  /** Takes back one add() of that function; nothing where there was none. */
  remove(wake: () => void): void {
    const added = this.#waiters.get(wake)
    if (added === undefined) return
    added.shift()
    if (added.length === 0) this.#waiters.delete(wake)
    this.#size--
    if (this.#size === 0) this.#emptied()
  }

  /** Calls everybody who waits for an event, since a fence signalled. What they throw is reported. @rule BUF-44, PORT-4 */
  wake(event: number): void {
    // A copy: whoever is woken may go, or come again.
    const woken: (() => void)[] = []
    for (const [wake, added] of this.#waiters)
      for (const events of added) if ((events & event) !== 0) woken.push(wake)
    const outer = this.#waking
    this.#waking |= event
    for (const wake of woken) callSafely('wake of a poll', wake)
    this.#waking = outer
  }

  /**
   * Calls them since a look found nothing pending; not where one of them looks as it is called, which would
   * never end.
   *
   * @rule BUF-43
   */
  wakeOthers(event: number): void {
    if ((this.#waking & event) === 0) this.wake(event)
  }
}
