import type { WaitOptions } from '../core/host.js'
import { waitFor } from '../core/wait.js'
import { POLLIN, POLLOUT } from '../uapi/file.js'
import { check, native, PollMode, type PollHandle } from './native.js'
import type { OwnedFd } from './owned-fd.js'

const READABLE = 1
const WRITABLE = 2

/**
 * Watches one descriptor on the event loop for those who wait for its readiness. It keeps the program running
 * while somebody does, and costs nothing otherwise.
 */
export class FdWatch implements Disposable {
  readonly #fd: OwnedFd
  readonly #what: string
  /** Each with the events it waits for. */
  readonly #waiters = new Map<() => void, number>()
  #poll: PollHandle | undefined

  /**
   * @param fd - borrowed: close the watch before it
   * @param what - it is, for errors
   */
  constructor(fd: OwnedFd, what = 'a descriptor') {
    this.#fd = fd
    this.#what = what
  }

  /**
   * Calls `wake` once when one of the events may be there; look again then.
   *
   * @param events - POLLIN, POLLOUT
   * @throws {DmaBufError} EPERM where the file cannot be watched, EMFILE, ENOMEM
   */
  once(events: number, wake: () => void): void {
    this.#waiters.set(wake, (this.#waiters.get(wake) ?? 0) | events)
    try {
      this.#start()
    } catch (error) {
      this.forget(wake)
      throw error
    }
  }

  /** Ends what once() began with that function; nothing where it was called already. */
  forget(wake: () => void): void {
    if (this.#waiters.delete(wake)) this.#start()
  }

  /**
   * Settles when one of the events is there, or something is wrong with the file. What is there already is there, also with a
   * timeout of 0.
   *
   * @throws {DmaBufError} ETIMEDOUT; the reason of an aborted signal; as once()
   */
  ready(events: number, operation: string, options: WaitOptions = {}): Promise<void> {
    return waitFor<undefined>(operation, options, (waiter) => {
      const wake = (): void => waiter.resolve(undefined)
      if (native().pollNow(this.#fd.number, events) > 0) wake()
      else this.once(events, wake)
      return () => this.forget(wake)
    })
  }

  /** Nobody is woken any more. Idempotent. */
  [Symbol.dispose](): void {
    this.#waiters.clear()
    if (this.#poll !== undefined) native().pollClose(this.#poll)
    this.#poll = undefined
  }

  #start(): void {
    let wanted = 0
    for (const events of this.#waiters.values()) wanted |= events
    if (wanted === 0 && this.#poll === undefined) return
    const events =
      ((wanted & POLLIN) === 0 ? 0 : READABLE) | ((wanted & POLLOUT) === 0 ? 0 : WRITABLE)
    this.#check(native().pollStart((this.#poll ??= this.#open()), events))
  }

  #open(): PollHandle {
    const poll = native().pollOpen(this.#fd.number, (ready) => this.#wake(ready), PollMode.events)
    if (typeof poll === 'number') this.#check(poll)
    return poll as PollHandle
  }

  #check(result: number): void {
    if (result < 0) check(result, 'poll', () => `Cannot watch ${this.#what}`)
  }

  #wake(ready: number): void {
    const events =
      ((ready & READABLE) === 0 ? 0 : POLLIN) | ((ready & WRITABLE) === 0 ? 0 : POLLOUT)
    const woken: (() => void)[] = []
    // Nothing of what was asked for is an error of the file: everybody has to look.
    for (const [wake, wanted] of this.#waiters)
      if (events === 0 || (wanted & events) !== 0) woken.push(wake)
    for (const wake of woken) this.#waiters.delete(wake)
    this.#start()
    for (const wake of woken) wake()
  }
}
