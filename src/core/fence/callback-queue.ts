import { warnThrown } from '../warn.js'
import { nameOf } from './fence-access.js'
import type { Fence } from './fence.js'
import type { FenceCallback, FenceOps } from './fence-ops.js'

/** Up to here a callback is looked for one by one: quicker than any index. */
const MAX_UNINDEXED = 32

/**
 * Somebody who sleeps until a fence signals. Sleepers are woken before callbacks, the last one first.
 *
 * @rule FENCE-12
 */
export class Sleeper {
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
  previous: Sleeper | undefined = undefined
  next: Sleeper | undefined = undefined

  constructor(resolve: () => void, reject: (error: unknown) => void) {
    this.resolve = resolve
    this.reject = reject
  }

  /** Tells it the outcome of a signalled fence. */
  wake({ error }: Fence): void {
    if (error === undefined) this.resolve()
    else this.reject(error)
  }
}

/**
 * All that waits for one fence, where that is more than one callback or one sleeper. Every operation is
 * constant time, taken together with those before it.
 */
export class CallbackQueue {
  #sleepers: Sleeper | undefined = undefined
  /** In the order they were added; a hole where one was taken back. */
  #callbacks: (FenceCallback | undefined)[] = []
  #count = 0
  /** The newest place of each callback, and for each place the one before of the same callback, or -1. */
  #newest: Map<FenceCallback, number> | undefined = undefined
  #older: number[] = []

  get isEmpty(): boolean {
    return this.#count === 0 && this.#sleepers === undefined
  }

  /** Adds a callback behind the others. */
  add(callback: FenceCallback): void {
    const place = this.#callbacks.push(callback) - 1
    this.#count++
    if (this.#newest !== undefined) this.#index(callback, place)
  }

  /** Takes a callback back; of one that was added more than once the last. */
  remove(callback: FenceCallback): boolean {
    const callbacks = this.#callbacks
    if (this.#newest === undefined) {
      if (callbacks.length <= MAX_UNINDEXED) {
        const place = callbacks.lastIndexOf(callback)
        if (place < 0) return false
        callbacks.splice(place, 1)
        this.#count--
        return true
      }
      this.#reindex()
    }
    const place = this.#newest!.get(callback)
    if (place === undefined) return false
    const older = this.#older[place]!
    if (older < 0) this.#newest!.delete(callback)
    else this.#newest!.set(callback, older)
    callbacks[place] = undefined
    this.#count--
    if (this.#count < callbacks.length / 2) this.#compact()
    return true
  }

  /** Adds a sleeper before all others. */
  addSleeper(sleeper: Sleeper): void {
    const first = this.#sleepers
    sleeper.next = first
    if (first !== undefined) first.previous = sleeper
    this.#sleepers = sleeper
  }

  /** Takes a sleeper back that is in this queue. */
  removeSleeper(sleeper: Sleeper): void {
    const { previous, next } = sleeper
    if (previous !== undefined) previous.next = next
    else this.#sleepers = next
    if (next !== undefined) next.previous = previous
    sleeper.previous = sleeper.next = undefined
  }

  /** Wakes and calls all, whatever some of them throw. The queue belongs to no fence by then. */
  run(fence: Fence): void {
    for (let sleeper = this.#sleepers; sleeper !== undefined; sleeper = sleeper.next)
      wakeSleeper(sleeper, fence)
    const callbacks = this.#callbacks
    for (let place = 0; place < callbacks.length; place++) {
      const callback = callbacks[place]
      if (callback !== undefined) runCallback(callback, fence)
    }
  }

  #index(callback: FenceCallback, place: number): void {
    this.#older[place] = this.#newest!.get(callback) ?? -1
    this.#newest!.set(callback, place)
  }

  #reindex(): void {
    this.#newest = new Map()
    this.#older = []
    for (let place = 0; place < this.#callbacks.length; place++)
      this.#index(this.#callbacks[place]!, place)
  }

  #compact(): void {
    this.#callbacks = this.#callbacks.filter((callback) => callback !== undefined)
    if (this.#callbacks.length > MAX_UNINDEXED) this.#reindex()
    else this.#newest = undefined
  }
}

let depth = 0

/** Whether code runs now that a fence called, under its lock: no place to give memory back. @rule BUF-27 */
export function isInFenceCallback(): boolean {
  return depth > 0
}

/** Asks a creator to report signalling: its code runs as under the lock of the fence. @rule FENCE-22, BUF-27 */
export function callEnable(ops: FenceOps, fence: Fence): boolean {
  depth++
  try {
    return (ops.enableSignaling?.(fence) as unknown) !== false
  } finally {
    depth--
  }
}

/** Calls one callback; what it throws is reported. @rule PORT-4 */
export function runCallback(callback: FenceCallback, fence: Fence): void {
  depth++
  try {
    callback(fence)
  } catch (error) {
    reportThrown('callback', fence, error)
  } finally {
    depth--
  }
}

/** Wakes one sleeper; what it throws is reported. @rule PORT-4 */
export function wakeSleeper(sleeper: Sleeper, fence: Fence): void {
  try {
    sleeper.wake(fence)
  } catch (error) {
    reportThrown('waiter', fence, error)
  }
}

/** Reports what somebody threw who must not throw here. @rule PORT-4 */
export function reportThrown(who: string, fence: Fence, error: unknown): void {
  warnThrown(`A ${who} of fence ${nameOf(fence)} threw`, error)
}
