import { DmaBufError } from '../errors.js'
import { host, type WaitOptions } from '../host.js'
import { checkWait, waitFor } from '../wait.js'
import type { BufferObject } from './buffer-object.js'
import { POLL_ERR, POLL_IN, POLL_OUT } from './poll-events.js'
import type { PollWaiters } from './poll-waiters.js'

/**
 * Settles when no device stands in the way of a read or a write. Looks again after each wake-up: being
 * woken is not being ready.
 *
 * @kernel poll(2)
 * @rule BUF-38, BUF-45, BUF-48
 * @param object - kept alive here
 * @throws {DmaBufError} ETIMEDOUT; EIO where the reservation is gone; the reason of an aborted signal
 */
export async function waitUntilReady(
  object: BufferObject,
  to: 'read' | 'write',
  options: WaitOptions = {},
): Promise<void> {
  const { timeoutMs, signal } = options
  checkWait({ timeoutMs })
  const event = to === 'write' ? POLL_OUT : POLL_IN
  const sleeper = new PollSleeper(object.poll.waiters, event, options)
  object.get()
  try {
    while (!(await look(object, event, sleeper))) await sleeper.sleep()
  } catch (error) {
    if (signal?.aborted === true && DmaBufError.is(error, 'EINTR')) throw signal.reason
    if (error !== signal?.reason && DmaBufError.is(error, 'ETIMEDOUT'))
      throw timeoutError(object, to, timeoutMs)
    throw error
  } finally {
    sleeper.leave()
    object.put()
  }
}

async function look(object: BufferObject, event: number, sleeper: PollSleeper): Promise<boolean> {
  sleeper.join()
  const events = await object.poll.look(event, sleeper.limits)
  if ((events & POLL_ERR) !== 0)
    throw new DmaBufError('EIO', 'ready', 'The reservation was destroyed', { rule: 'BUF-37' })
  return events !== 0
}

function timeoutError(object: BufferObject, to: string, timeoutMs = 0): DmaBufError {
  const slot = to === 'write' ? object.poll.out : object.poll.in
  const { fence } = slot
  const holder =
    fence === undefined
      ? object.ops.poll === undefined
        ? 'somebody holds the lock'
        : 'work of other programs, or somebody holds the lock'
      : `waiting for ${fence.driverName} ${fence.timelineName} seqno ${fence.seqno}`
  const message = `Not ready to ${to} after ${timeoutMs} ms: ${holder}`
  return new DmaBufError('ETIMEDOUT', 'ready', message)
}

/** Sleeps between two looks, never longer than the whole wait may last. */
class PollSleeper {
  readonly #options: WaitOptions
  readonly #endNs: number
  readonly #waiters: PollWaiters
  readonly #event: number
  #isWaiter = false
  #isWoken = false
  #resume: (() => void) | undefined
  readonly wake = (): void => {
    // Once is enough until it looks: each of many that look would wake all the others again.
    this.leave()
    this.#isWoken = true
    this.#resume?.()
  }

  constructor(waiters: PollWaiters, event: number, options: WaitOptions) {
    this.#waiters = waiters
    this.#event = event
    const { timeoutMs = Infinity } = options
    this.#options = options
    this.#endNs = host().nowNs() + timeoutMs * 1e6
  }

  /** What is left of the time. */
  get limits(): WaitOptions {
    const { signal } = this.#options
    if (this.#endNs === Infinity) return { signal }
    return { signal, timeoutMs: Math.max(0, (this.#endNs - host().nowNs()) / 1e6) }
  }

  /** Waits from now on; before each look, since what comes after that is not seen by it. */
  join(): void {
    this.#isWoken = false
    if (this.#isWaiter) return
    this.#isWaiter = true
    this.#waiters.add(this.#event, this.wake)
  }

  leave(): void {
    if (this.#isWaiter) this.#waiters.remove(this.wake)
    this.#isWaiter = false
  }

  /** A wake-up since the last reset() counts. */
  async sleep(): Promise<void> {
    try {
      await waitFor<undefined>('ready', this.limits, (waiter) => {
        this.#resume = () => waiter.resolve(undefined)
        if (this.#isWoken) this.#resume()
        return () => {}
      })
    } finally {
      this.#resume = undefined
    }
  }
}
