import { getFence, putFence, type Fence } from '../fence/fence.js'
import type { Held } from '../reservation/held.js'
import type { Usage } from '../reservation/usage.js'
import { warn } from '../warn.js'
import type { BufferObject } from './buffer-object.js'

/** EPOLLIN: no writer is pending, so you may read. @rule BUF-38 */
export const POLL_IN = 0x1
/** EPOLLOUT: nobody is pending, so you may write. @rule BUF-38 */
export const POLL_OUT = 0x4
/** EPOLLERR. @rule BUF-37 */
export const POLL_ERR = 0x8

/** Called when an event may have become true: look again. Must not wait. */
export type PollWaiter = (event: number) => void

/**
 * One direction of one buffer: waits for one fence at a time, for all who poll. Armed it owns a reference
 * on its buffer.
 *
 * @kernel dma_buf_poll_cb_t
 * @rule BUF-40, BUF-42, BUF-44
 */
class PollSlot {
  /** The event it is armed for; 0 while idle. */
  active = 0
  readonly #queue: PollQueue
  readonly #event: number
  readonly #usage: Usage
  readonly #fired: (fence: Fence) => void

  constructor(queue: PollQueue, event: number, usage: Usage) {
    this.#queue = queue
    this.#event = event
    this.#usage = usage
    this.#fired = (fence) => {
      this.#clear()
      putFence(fence)
      queue.object.put()
    }
  }

  /** Arms it at the first pending fence. @returns whether nothing is pending @rule BUF-42, BUF-43 */
  arm(held: Held): boolean {
    const { object } = this.#queue
    this.active = this.#event
    object.get()
    for (const { fence } of held.entries(this.#usage)) {
      getFence(fence)
      if (fence.addCallback(this.#fired)) return false
      putFence(fence)
    }
    this.#clear()
    object.put()
    return true
  }

  // Idle first: whoever is woken may poll again at once.
  #clear(): void {
    this.active = 0
    this.#queue.wake(this.#event)
  }
}

/** Who polls a buffer, and its two slots. @kernel dma_buf.poll, cb_in, cb_out @rule BUF-39, BUF-40 */
export class PollQueue {
  readonly object: BufferObject
  readonly #in = new PollSlot(this, POLL_IN, 'write')
  readonly #out = new PollSlot(this, POLL_OUT, 'read')
  readonly #waiters = new Set<PollWaiter>()

  constructor(object: BufferObject) {
    this.object = object
  }

  /** Whether a slot waits for a fence. */
  get isArmed(): boolean {
    return (this.#in.active | this.#out.active) !== 0
  }

  /** Adds somebody to be woken, until remove(). */
  add(waiter: PollWaiter): void {
    this.#waiters.add(waiter)
  }

  remove(waiter: PollWaiter): void {
    this.#waiters.delete(waiter)
  }

  /**
   * Which of the events are true. What is not is waited for, one fence at a time: a slot that is busy
   * already is left alone.
   *
   * @rule BUF-40, BUF-41, BUF-45
   */
  check(events: number, held: Held): number {
    let ready = 0
    if ((events & POLL_OUT) !== 0 && this.#out.active === 0 && this.#out.arm(held))
      ready |= POLL_OUT
    if ((events & POLL_IN) !== 0 && this.#in.active === 0 && this.#in.arm(held)) ready |= POLL_IN
    return ready
  }

  /** Wakes everybody, those too who were told already. @rule BUF-44, BUF-43 */
  wake(event: number): void {
    for (const waiter of [...this.#waiters]) {
      try {
        waiter(event)
      } catch (error) {
        const stack = error instanceof Error ? error.stack : undefined
        warn({ rule: 'PORT-4', message: `A poll waiter threw: ${String(error)}`, stack })
      }
    }
  }
}
