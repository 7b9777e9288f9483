import type { DmaBufError } from '../errors.js'
import { host, type WaitOptions } from '../host.js'
import { waitFor } from '../wait.js'

/** Called once, synchronously, when its fence signals; it must not wait. */
export type FenceCallback = (fence: Fence) => void

/** What the creator of a fence supplies. @kernel dma_fence_ops @rule FENCE-3 */
export interface FenceOps {
  readonly driverName: string
  readonly timelineName: string
  /**
   * Called once, when somebody first wants to be told. `false`: it is done already, or can never be
   * reported; the fence then signals at once. @rule FENCE-22
   */
  enableSignaling?(fence: Fence): boolean
  /** Whether the work is done though nobody told the fence yet; never true and later false. @rule FENCE-14 */
  isSignaled?(fence: Fence): boolean
}

let contexts = 0

/** The first of `count` consecutive context numbers, never given out before. @rule FENCE-5 */
export function allocateContext(count = 1): number {
  const first = contexts + 1
  contexts += count
  return first
}

let signal: (fence: Fence, error: DmaBufError | undefined) => boolean

/**
 * Signals a fence: the creator's right, so it is not a method. Callbacks run inside this call, in the
 * order they were added.
 *
 * @kernel dma_fence_signal
 * @rule FENCE-10, FENCE-11, FENCE-12
 * @param error - what went wrong with the work; waiters see it
 * @returns false if it was signalled before: nothing happens then
 */
export function signalFence(fence: Fence, error?: DmaBufError): boolean {
  return signal(fence, error)
}

/**
 * One piece of work that will be finished once: a point on a timeline.
 *
 * Never thenable, so that an async function can return one.
 *
 * @kernel dma_fence
 * @rule FENCE-1, FENCE-4
 */
export class Fence {
  /** Fences of one context signal in the order of their seqnos. */
  readonly context: number
  readonly seqno: number
  readonly #ops: FenceOps
  #signaled = false
  #enabled = false
  #error: DmaBufError | undefined
  #timestampNs = 0
  #callbacks: FenceCallback[] | undefined

  static {
    signal = (fence, error) => fence.#signal(error)
  }

  constructor(ops: FenceOps, context: number, seqno: number) {
    this.#ops = ops
    this.context = context
    this.seqno = seqno
  }

  get driverName(): string {
    return this.#ops.driverName
  }

  get timelineName(): string {
    return this.#ops.timelineName
  }

  /** `error` means signalled, with an error. May notice that the work is done. @rule FENCE-16 */
  get status(): 'pending' | 'signaled' | 'error' {
    if (!this.isSignaled()) return 'pending'
    return this.#error === undefined ? 'signaled' : 'error'
  }

  /** What the work failed with; undefined until signalled. @rule FENCE-15, FENCE-16 */
  get error(): DmaBufError | undefined {
    return this.#error
  }

  /** Monotonic time of signalling; undefined until then. @rule FENCE-11 */
  get timestampNs(): number | undefined {
    return this.#signaled ? this.#timestampNs : undefined
  }

  /** Whether it signalled, asking the creator where nobody told yet. @rule FENCE-13 */
  isSignaled(): boolean {
    if (this.#signaled) return true
    // The creator may signal this very fence, with an error, while it looks.
    if (this.#ops.isSignaled?.(this) === true) this.#signal(undefined)
    return this.#signaled
  }

  /**
   * Adds a callback to the end of the list and makes sure that signalling is reported.
   *
   * @kernel dma_fence_add_callback
   * @rule FENCE-18, FENCE-22
   * @returns false if the fence is signalled: the callback is not called then
   */
  addCallback(callback: FenceCallback): boolean {
    if (typeof callback !== 'function') throw new TypeError('Callback must be a function')
    if (this.#signaled || !this.#enableSignaling()) return false
    if (this.#callbacks === undefined) this.#callbacks = [callback]
    else this.#callbacks.push(callback)
    return true
  }

  /**
   * Takes a callback back. @kernel dma_fence_remove_callback @rule FENCE-20
   * @returns false if it ran already, or was not there
   */
  removeCallback(callback: FenceCallback): boolean {
    const index = this.#callbacks?.indexOf(callback) ?? -1
    if (index < 0) return false
    this.#callbacks?.splice(index, 1)
    return true
  }

  /**
   * Settles when the fence signals. Unlike the kernel's wait it rejects with the fence's error, since a
   * promise has a place for it.
   *
   * @kernel dma_fence_wait_timeout
   * @rule FENCE-25, FENCE-26
   * @throws {DmaBufError} ETIMEDOUT; the fence's own error; the reason of an aborted signal
   */
  wait(options: WaitOptions = {}): Promise<void> {
    const describe = (): string =>
      `: waiting for ${this.driverName} ${this.timelineName} seqno ${this.seqno}`
    return waitFor<undefined>('fence wait', { ...options, describe }, (waiter) => {
      const finish = (): void => {
        if (this.#error === undefined) waiter.resolve(undefined)
        else waiter.reject(this.#error)
      }
      if (this.isSignaled() || !this.addCallback(finish)) finish()
      return () => this.removeCallback(finish)
    })
  }

  #enableSignaling(): boolean {
    if (this.#enabled) return true
    this.#enabled = true
    // The creator may itself signal here, with an error; then only false is left to say.
    if (this.#ops.enableSignaling?.(this) === false) this.#signal(undefined)
    return !this.#signaled
  }

  #signal(error: DmaBufError | undefined): boolean {
    if (this.#signaled) return false
    this.#signaled = true
    this.#error = error
    this.#timestampNs = host().nowNs()
    const callbacks = this.#callbacks
    this.#callbacks = undefined
    if (callbacks !== undefined) runAll(callbacks, this)
    return true
  }
}

/** Every callback runs, whatever the others throw; the first error is thrown on afterwards. */
function runAll(callbacks: readonly FenceCallback[], fence: Fence): void {
  let failure: { error: unknown } | undefined
  for (const callback of callbacks) {
    try {
      callback(fence)
    } catch (error) {
      failure ??= { error }
    }
  }
  if (failure !== undefined) throw failure.error
}
