import { DmaBufError } from './errors.js'
import { host, type WaitOptions } from './host.js'

/** What a promise that waits with `{ signal, timeoutMs }` is settled through. */
export interface Waiter<T> {
  readonly resolve: (value: T) => void
  readonly reject: (error: unknown) => void
}

/** Throws where a wait must not begin: the reason of an aborted signal, or RangeError for a timeout. */
export function checkWait({ signal, timeoutMs }: WaitOptions): void {
  if (timeoutMs !== undefined && !(timeoutMs >= 0))
    throw new RangeError(`timeoutMs must be 0 or more: ${timeoutMs}`)
  if (signal?.aborted === true) throw signal.reason
}

/**
 * A promise that `start` may settle, that an aborted signal rejects with its reason, and that a timeout
 * rejects with ETIMEDOUT. The function that `start` returns is called once, when the wait was given up.
 *
 * @param describe - the rest of the sentence after `ETIMEDOUT: ` and the operation; called only then
 */
export function waitFor<T>(
  operation: string,
  options: WaitOptions & { describe?: () => string },
  start: (waiter: Waiter<T>) => () => void,
): Promise<T> {
  const { signal, timeoutMs, describe } = options
  return new Promise<T>((resolve, reject) => {
    checkWait(options)
    let stopTimer: (() => void) | undefined = undefined
    let giveUp: (() => void) | undefined = undefined
    let settled = false
    let gaveUp = false
    const settle = (): boolean => {
      if (settled) return false
      settled = true
      stopTimer?.()
      signal?.removeEventListener('abort', onAbort)
      return true
    }
    const fail = (error: unknown): void => {
      if (!settle()) return
      gaveUp = true
      giveUp?.()
      reject(error)
    }
    const onAbort = (): void => {
      fail(signal?.reason)
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      giveUp = start({
        resolve: (value) => {
          if (settle()) resolve(value)
        },
        reject: (error) => {
          if (settle()) reject(error)
        },
      })
    } catch (error) {
      settle()
      throw error
    }
    // Aborted while start() ran: it could not be told before.
    if (gaveUp) giveUp()
    // Looked at after start(): what is ready now is ready even with a timeout of 0.
    if (timeoutMs === undefined || settled) return
    stopTimer = host().setTimer(timeoutMs, () => {
      const message = `${operation} timed out after ${timeoutMs} ms${describe?.() ?? ''}`
      fail(new DmaBufError('ETIMEDOUT', operation, message))
    })
  })
}
