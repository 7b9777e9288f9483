import type { LockWaiter } from './lock-waiter.js'
import { isOlderStamp } from './ww-class.js'

/**
 * Who waits for one lock: those with a context the oldest first, those without one where they came.
 *
 * Contexts are chained among themselves as well, so that a place is found without a look at the others.
 *
 * @rule WW-12
 */
export class WaitQueue {
  first: LockWaiter | undefined = undefined
  #last: LockWaiter | undefined = undefined
  /** The oldest waiter with a context. */
  firstInContext: LockWaiter | undefined = undefined
  #lastInContext: LockWaiter | undefined = undefined

  /** Gives a waiter its place: before the first younger context, or at the end. */
  insert(waiter: LockWaiter): void {
    const before = this.#linkInContext(waiter)
    const previous = before === undefined ? this.#last : before.previous
    waiter.previous = previous
    waiter.next = before
    if (previous === undefined) this.first = waiter
    else previous.next = waiter
    if (before === undefined) this.#last = waiter
    else before.previous = waiter
    waiter.isQueued = true
  }

  /** Takes a waiter out. */
  remove(waiter: LockWaiter): void {
    const { previous, next } = waiter
    if (previous === undefined) this.first = next
    else previous.next = next
    if (next === undefined) this.#last = previous
    else next.previous = previous
    waiter.previous = undefined
    waiter.next = undefined
    waiter.isQueued = false
    if (waiter.state !== undefined) this.#unlinkInContext(waiter)
  }

  /** Chains a waiter to the contexts. @returns the first younger one: it comes to stand before that */
  #linkInContext(waiter: LockWaiter): LockWaiter | undefined {
    const { state } = waiter
    if (state === undefined) return undefined
    const head = this.firstInContext
    let after = this.#lastInContext
    // Most are the youngest, and those that back off and come again are often the oldest: both are quick.
    if (head !== undefined && isOlderStamp(state.stamp, head.state!.stamp)) after = undefined
    while (after !== undefined && isOlderStamp(state.stamp, after.state!.stamp))
      after = after.previousInContext
    const before = after === undefined ? head : after.nextInContext
    waiter.previousInContext = after
    waiter.nextInContext = before
    if (after === undefined) this.firstInContext = waiter
    else after.nextInContext = waiter
    if (before === undefined) this.#lastInContext = waiter
    else before.previousInContext = waiter
    return before
  }

  #unlinkInContext(waiter: LockWaiter): void {
    const { previousInContext: previous, nextInContext: next } = waiter
    if (previous === undefined) this.firstInContext = next
    else previous.nextInContext = next
    if (next === undefined) this.#lastInContext = previous
    else next.previousInContext = previous
    waiter.previousInContext = undefined
    waiter.nextInContext = undefined
  }
}
