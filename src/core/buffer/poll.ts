import type { Held } from '../reservation/held.js'
import type { ReservationLockOptions } from '../reservation/reservation.js'
import type { BufferObject } from './buffer-object.js'
import { POLL_ERR, POLL_IN, POLL_OUT } from './poll-events.js'
import { PollSlot } from './poll-slot.js'
import { PollWaiters } from './poll-waiters.js'

/**
 * How one buffer is polled: one queue of those who wait, and one slot for each event, whoever asks.
 *
 * @kernel dma_buf_poll_cb_t, dma_buf.poll
 * @rule BUF-10, BUF-39, BUF-40
 */
export class BufferPoll {
  readonly waiters: PollWaiters
  readonly out: PollSlot
  readonly in: PollSlot
  readonly #object: BufferObject
  readonly #wake = (): void => this.waiters.wake(POLL_IN | POLL_OUT)

  constructor(object: BufferObject) {
    this.#object = object
    const { ops, state } = object
    this.waiters = new PollWaiters(() => ops.stopPolling?.(state))
    this.out = new PollSlot(object, POLL_OUT, this.waiters)
    this.in = new PollSlot(object, POLL_IN, this.waiters)
  }

  /** Whether a slot waits for a fence: it holds a reference on the buffer then. @rule BUF-25, BUF-44 */
  get isArmed(): boolean {
    return this.out.active !== 0 || this.in.active !== 0
  }

  /**
   * What is ready of POLL_IN and POLL_OUT; arms the slot of what is not. Waits for the lock where somebody
   * holds it.
   *
   * @kernel dma_buf_poll
   * @rule BUF-37, BUF-38, BUF-39, BUF-40
   * @param options - of the wait for the lock, which the kernel lets nothing interrupt
   * @returns a number, at once, where the lock is free; POLL_ERR where the reservation was destroyed
   */
  look(events: number, options?: ReservationLockOptions): number | Promise<number> {
    if ((events & (POLL_IN | POLL_OUT)) === 0) return 0
    const object = this.#object
    // Whoever is woken or asked may close the last handle.
    object.get()
    let isLater = false
    try {
      // Nobody holds the lock of a reservation that was never asked for, and nothing is pending in it.
      if (object.knownReservation === undefined) return this.#look(events, undefined)
      const held = tryLock(object)
      if (held === 'destroyed') return POLL_ERR
      if (held !== undefined) return this.#lookAndRelease(events, held)
      isLater = true
    } finally {
      if (!isLater) object.put()
    }
    return this.#lookLater(events, options)
  }

  // The reference was taken by the caller.
  async #lookLater(events: number, options?: ReservationLockOptions): Promise<number> {
    const object = this.#object
    try {
      const { reservation } = object
      const held = await reservation.lock(options)
      if (!reservation.destroyed) return this.#lookAndRelease(events, held)
      held.release()
      return POLL_ERR
    } finally {
      object.put()
    }
  }

  #lookAndRelease(events: number, held: Held): number {
    try {
      return this.#look(events, held)
    } finally {
      held.release()
    }
  }

  #look(events: number, held: Held | undefined): number {
    const { ops, state } = this.#object
    // First: a slot that finds nothing pending wakes all who wait.
    const asked = ops.poll === undefined ? events : events & ops.poll(events, this.#wake, state)
    let ready = 0
    if ((asked & POLL_OUT) !== 0) ready |= this.out.look(held)
    if ((asked & POLL_IN) !== 0) ready |= this.in.look(held)
    return ready
  }
}

function tryLock({ reservation }: BufferObject): Held | undefined | 'destroyed' {
  if (reservation.destroyed) return 'destroyed'
  return reservation.tryLock()
}

/**
 * What is ready of POLL_IN and POLL_OUT. `wake`, where given, is called, synchronously, when to look again,
 * until stopPolling(); also where neither event is asked for, but then never.
 *
 * Being woken is not being ready, and without another look nobody is woken again.
 *
 * @kernel dma_buf_poll
 * @rule BUF-37, BUF-39, BUF-45
 * @param object - kept alive by the caller for the length of the call
 * @returns a number, at once, where the buffer's lock is free
 */
export function pollBuffer(
  object: BufferObject,
  events: number,
  wake?: () => void,
): number | Promise<number> {
  const { poll } = object
  if (wake !== undefined) poll.waiters.add(events, wake)
  return poll.look(events)
}

/** Ends what one pollBuffer() began with that function. */
export function stopPolling(object: BufferObject, wake: () => void): void {
  object.knownPoll?.waiters.remove(wake)
}
