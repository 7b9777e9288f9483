import { getFence, putFence, type Fence } from '../fence/fence.js'
import type { Held } from '../reservation/held.js'
import { usageToWaitFor } from '../reservation/usage.js'
import type { BufferObject } from './buffer-object.js'
import { POLL_OUT, type POLL_IN } from './poll-events.js'
import type { PollWaiters } from './poll-waiters.js'

/** What a slot stands for. */
export type PollEvent = typeof POLL_IN | typeof POLL_OUT

/**
 * What tells the pollers of one buffer that one event may have come: idle, or waiting for one fence. An
 * armed slot keeps the fence and the buffer alive.
 *
 * @kernel dma_buf_poll_cb_t
 * @rule BUF-40, BUF-44
 */
export class PollSlot {
  readonly event: PollEvent
  /** The event while it is armed, or 0. */
  active: 0 | PollEvent = 0
  readonly #object: BufferObject
  readonly #waiters: PollWaiters
  #fence: Fence | undefined
  readonly #onSignal = (): void => this.#finish(true)

  constructor(object: BufferObject, event: PollEvent, waiters: PollWaiters) {
    this.#object = object
    this.event = event
    this.#waiters = waiters
  }

  /** The fence it waits for, borrowed. */
  get fence(): Fence | undefined {
    return this.#fence
  }

  /**
   * Whether the event has come; if not, waits for the first fence that it still depends on.
   *
   * @rule BUF-41, BUF-42, BUF-43, BUF-45, BUF-47
   * @param held - the proof of the lock; absent where no reservation was ever made
   * @returns the event, or 0
   */
  look(held: Held | undefined): number {
    if (this.active !== 0) return 0
    this.active = this.event
    this.#object.get()
    let isArmed = false
    try {
      isArmed = held !== undefined && this.#arm(held)
    } finally {
      if (!isArmed) this.#finish(false)
    }
    return isArmed ? 0 : this.event
  }

  #arm(held: Held): boolean {
    using cursor = held.entries(usageToWaitFor(this.event === POLL_OUT))
    for (let fence = cursor.step(); fence !== undefined; fence = cursor.step()) {
      // Kept while it is asked: enabling may make its creator drop it.
      this.#fence = getFence(fence)
      if (fence.addCallback(this.#onSignal)) return true
      this.#fence = undefined
      putFence(fence)
    }
    return false
  }

  // The slot is free before anybody is woken: who is woken may ask again at once.
  #finish(isSignal: boolean): void {
    const fence = this.#fence
    this.#fence = undefined
    this.active = 0
    if (isSignal) this.#waiters.wake(this.event)
    else this.#waiters.wakeOthers(this.event)
    if (fence !== undefined) putFence(fence)
    this.#object.put()
  }
}
