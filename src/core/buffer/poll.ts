import type { WaitOptions } from '../host.js'
import type { Held } from '../reservation/held.js'
import { waitFor } from '../wait.js'
import type { BufferObject } from './buffer-object.js'
import { POLL_IN, POLL_OUT, PollQueue, type PollWaiter } from './poll-queue.js'

/**
 * Which of the events are true now, and, for those that are not, a promise to wake whoever polls. Waits for
 * the reservation's lock, whatever it takes.
 *
 * @kernel dma_buf_poll
 * @rule BUF-37, BUF-38, BUF-39
 * @param waiter - is woken from now on until stopPolling(); woken does not mean true: poll again
 */
export async function pollBuffer(
  object: BufferObject,
  events: number,
  waiter?: PollWaiter,
): Promise<number> {
  const queue = (object.polling ??= new PollQueue(object))
  if (waiter !== undefined) queue.add(waiter)
  const wanted = events & (POLL_IN | POLL_OUT)
  if (wanted === 0) return 0
  object.get()
  try {
    using held: Held = object.reservation.tryLock() ?? (await object.reservation.lock())
    return queue.check(wanted, held)
  } finally {
    object.put()
  }
}

/** Wakes a waiter no more. */
export function stopPolling(object: BufferObject, waiter: PollWaiter): void {
  object.polling?.remove(waiter)
}

/**
 * Waits until nobody writes the buffer (to read it), or nobody uses it (to write it).
 *
 * @rule BUF-38, BUF-45
 */
export async function waitReady(
  object: BufferObject,
  event: number,
  options: WaitOptions,
): Promise<void> {
  let wake = (): void => {}
  let woken = false
  let over = false
  const waiter: PollWaiter = () => {
    woken = true
    wake()
  }
  const describe = (): string => `: waiting for ${event === POLL_IN ? 'writers' : 'users'}`
  object.get()
  try {
    await waitFor<undefined>('ready', { ...options, describe }, ({ resolve, reject }) => {
      const look = async (): Promise<void> => {
        woken = false
        const ready = await pollBuffer(object, event, waiter)
        if (ready !== 0) resolve(undefined)
        else if (woken && !over) await look()
      }
      wake = () => void look().catch(reject)
      wake()
      return () => {}
    })
  } finally {
    over = true
    wake = () => {}
    stopPolling(object, waiter)
    object.put()
  }
}
