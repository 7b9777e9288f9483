import { callSafely } from './exporter-calls.js'

interface Waiter {
  readonly events: number
  readonly wake: () => void
}

/**
 * Those who wait for a buffer to become ready.
 *
 * @kernel wait_queue_head
 * @rule BUF-39
 */
export class PollWaiters {
  #waiters: Waiter[] = []
  /** Events whose waiters are being called now. */
  #waking = 0

  get size(): number {
    return this.#waiters.length
  }

  /** Calls `wake` for these events until it is removed. */
  add(events: number, wake: () => void): void {
    this.#waiters.push({ events, wake })
  }

  /** Takes back one add() of that function; nothing where there was none. */
  remove(wake: () => void): void {
    const index = this.#waiters.findIndex((waiter) => waiter.wake === wake)
    if (index >= 0) this.#waiters.splice(index, 1)
  }

  /** Calls everybody who waits for an event, since a fence signalled. What they throw is reported. @rule BUF-44, PORT-4 */
  wake(event: number): void {
    // A copy: whoever is woken may go, or come again.
    const woken = this.#waiters.filter(({ events }) => (events & event) !== 0)
    const outer = this.#waking
    this.#waking |= event
    for (const { wake } of woken) callSafely('wake of a poll', wake)
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
