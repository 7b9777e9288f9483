import { bug, DmaBufError } from '../errors.js'
import { host } from '../host.js'
import { thrownText } from '../thrown.js'
import { checkWait } from '../wait.js'
import { warn } from '../warn.js'
import {
  callEnable,
  CallbackQueue,
  reportThrown,
  runCallback,
  Sleeper,
  wakeSleeper,
} from './callback-queue.js'
import { explain } from './explain.js'
import { grantAccess, nameOf } from './fence-access.js'
import { ENABLED, SIGNALED, TIMESTAMP } from './fence-flags.js'
import type { FenceCallback, FenceOps } from './fence-ops.js'
import { waitWith, type FenceWaitOptions } from './fence-wait.js'
import { fenceWatch } from './fence-watch.js'

export { isFlaggedSignaled } from './fence-flags.js'
export type { FenceCallback, FenceOps } from './fence-ops.js'
export { getFence, putFence, tryGetFence } from './references.js'
export { setFenceError, signalFence, storeFenceError } from './signal.js'

/** Nobody waits; one callback; one sleeper; or more of them. Most fences have one at most. */
type Waiting = FenceCallback | Sleeper | CallbackQueue | undefined

/** What every wait for a fence that has signalled without error returns. */
const DONE = Promise.resolve()

/**
 * One piece of work that will be finished once: a point on a timeline.
 *
 * Only for work that finishes by itself in reasonable time: never for what a user decides, nor for work
 * that nobody has begun yet (FENCE-40, FENCE-41). Never thenable, so that an async function can return one.
 *
 * @kernel dma_fence
 * @rule FENCE-1, FENCE-4
 */
export class Fence {
  /** Fences of one context signal in the order of their seqnos. */
  readonly context: number
  readonly seqno: number
  readonly #ops: FenceOps
  #flags = 0
  #references = 1
  #error: DmaBufError | undefined = undefined
  #timestampNs: number | undefined = undefined
  #waiting: Waiting = undefined

  static {
    grantAccess({
      signal: Fence.#signal,
      flags: (fence) => fence.#flags,
      setFlags: (fence, flags) => (fence.#flags = flags),
      ops: (fence) => fence.#ops,
      error: (fence) => fence.#error,
      setError: (fence, error) => (fence.#error = error),
      addSleeper: Fence.#addSleeper,
      removeSleeper: Fence.#removeSleeper,
      references: (fence) => fence.#references,
      setReferences: (fence, count) => (fence.#references = count),
      isAwaited: Fence.#isAwaited,
    })
  }

  /**
   * A pending fence with one reference, the caller's.
   *
   * @kernel dma_fence_init
   * @rule FENCE-2
   * @param ops - shared by all fences of a timeline
   * @throws {DmaBufError} ERR_DMABUF_BUG without ops or their two names
   */
  constructor(ops: FenceOps, context: number, seqno: number) {
    if (ops?.driverName === undefined || ops.timelineName === undefined)
      bug('FENCE-2', 'Fence', 'A fence needs ops with a driverName and a timelineName')
    this.#ops = ops
    this.context = context
    this.seqno = seqno
    if (fenceWatch.tell !== undefined) fenceWatch.tell('init', this)
  }

  get driverName(): string {
    return this.#ops.driverName
  }

  get timelineName(): string {
    return this.#ops.timelineName
  }

  /**
   * `error` means signalled, with an error. May notice that the work is done.
   *
   * @kernel dma_fence_get_status
   * @rule FENCE-16
   */
  get status(): 'pending' | 'signaled' | 'error' {
    if (!this.isSignaled()) return 'pending'
    return this.error === undefined ? 'signaled' : 'error'
  }

  /** What the work failed with; undefined until signalled. @rule FENCE-15, FENCE-16 */
  get error(): DmaBufError | undefined {
    return (this.#flags & SIGNALED) === 0 ? undefined : this.#error
  }

  /** Monotonic nanoseconds of signalling; undefined until then. @rule FENCE-11 */
  get timestampNs(): number | undefined {
    return this.#timestampNs
  }

  /**
   * Whether it signalled, asking the creator where nobody told yet. Enables nothing: without that, a
   * fence that is only looked at may stay pending for ever.
   *
   * @kernel dma_fence_is_signaled
   * @rule FENCE-13, FENCE-14
   */
  isSignaled(): boolean {
    if ((this.#flags & SIGNALED) !== 0) return true
    // The creator may signal this very fence, with an error, while it looks.
    if (this.#ops.isSignaled?.(this) === true) Fence.#signal(this, undefined, undefined)
    return (this.#flags & SIGNALED) !== 0
  }

  /**
   * Adds a callback to the end of the list and makes sure that signalling is reported. Hold a reference
   * until it ran or was removed.
   *
   * @kernel dma_fence_add_callback
   * @rule FENCE-18, FENCE-19, FENCE-22
   * @returns false if the fence is signalled: the callback is not called then (the kernel's ENOENT)
   * @throws {DmaBufError} EINVAL without a callback; TypeError for what is no function
   */
  addCallback(callback: FenceCallback): boolean {
    if (typeof callback !== 'function') refuseCallback(callback)
    if ((this.#flags & SIGNALED) !== 0 || !Fence.#enable(this)) return false
    const waiting = this.#waiting
    if (waiting === undefined) this.#waiting = callback
    else Fence.#queue(this, waiting).add(callback)
    return true
  }

  /**
   * Takes a callback back; of one that was added more than once the last.
   *
   * @kernel dma_fence_remove_callback
   * @rule FENCE-20
   * @returns false if it ran already, or was not there
   */
  removeCallback(callback: FenceCallback): boolean {
    const waiting = this.#waiting
    if (waiting === undefined) return false
    if (waiting === callback) this.#waiting = undefined
    else if (!(waiting instanceof CallbackQueue && waiting.remove(callback))) return false
    Fence.#disable(this)
    return true
  }

  /** Makes sure that signalling is reported, though nobody waits yet. @kernel dma_fence_enable_sw_signaling @rule FENCE-21 */
  enableSignaling(): void {
    if (Fence.#enable(this)) Fence.#disable(this)
  }

  /**
   * Tells the creator by when the fence is wanted: a hint, to raise clocks in time. Of several the
   * earliest counts.
   *
   * @kernel dma_fence_set_deadline
   * @rule FENCE-35
   * @param deadlineNs - monotonic; a past one means now
   */
  setDeadline(deadlineNs: number): void {
    if (this.#ops.setDeadline !== undefined && !this.isSignaled())
      this.#ops.setDeadline(this, deadlineNs)
  }

  /**
   * What it waits for, in words: a line for it and one for each pending fence below it, with who made it
   * and how old it is. With `setDebug({ stacks: true })` it says where it was made.
   *
   * @rule FENCE-40
   */
  explain(): string {
    return explain(this)
  }

  /**
   * Settles when the fence signals. Unlike the kernel's wait, which is waitFenceTimeout(), it rejects
   * with the fence's error, since a promise has a place for it.
   *
   * What is signalled already counts before an aborted signal and a timeout of 0; after that whatever
   * comes first: a signal aborted after the fence signalled changes nothing.
   *
   * @kernel dma_fence_wait
   * @rule FENCE-25, FENCE-26, FENCE-29
   * @throws {DmaBufError} ETIMEDOUT; the fence's own error; the reason of an aborted signal
   */
  wait(options?: FenceWaitOptions): Promise<void> {
    try {
      if (options?.timeoutMs !== undefined) checkWait({ timeoutMs: options.timeoutMs })
      if (this.isSignaled() || !Fence.#enable(this)) return Fence.#outcome(this)
    } catch (error) {
      return Promise.reject(error)
    }
    if (options !== undefined || this.#ops.wait !== undefined || fenceWatch.tell !== undefined)
      return waitWith(this, options ?? {})
    return new Promise((resolve, reject) => {
      Fence.#addSleeper(this, new Sleeper(resolve, reject))
    })
  }

  // Private methods of instances would cost each fence a field and a check a call: so these are static.

  static #outcome({ error }: Fence): Promise<void> {
    return error === undefined ? DONE : Promise.reject(error)
  }

  // False where it has signalled, or does so here.
  static #enable(fence: Fence): boolean {
    const flags = fence.#flags
    fence.#flags = flags | ENABLED
    if ((flags & SIGNALED) !== 0) return false
    if ((flags & ENABLED) !== 0 || fence.#ops.enableSignaling === undefined) return true
    return Fence.#askToEnable(fence)
  }

  static #askToEnable(fence: Fence): boolean {
    if (fenceWatch.tell !== undefined) fenceWatch.tell('enable_signal', fence)
    let isReported = false
    try {
      // The creator may itself signal here, with an error; then only false is left to say.
      isReported = callEnable(fence.#ops, fence)
    } catch (error) {
      reportThrown('creator', fence, error)
      if ((fence.#flags & SIGNALED) === 0) fence.#error ??= errorOf(error)
    }
    if (!isReported) {
      Fence.#signal(fence, undefined, undefined)
      return false
    }
    if ((fence.#flags & SIGNALED) === 0) return true
    const message = `enableSignaling of ${nameOf(fence)} signalled the fence, and must answer false then`
    warn({ rule: 'FENCE-23', message })
    return false
  }

  static #signal(
    fence: Fence,
    error: DmaBufError | undefined,
    timestampNs: number | undefined,
  ): boolean {
    if ((fence.#flags & SIGNALED) !== 0) return false
    if (error !== undefined) fence.#error = error
    fence.#flags |= SIGNALED
    const waiting = fence.#waiting
    fence.#waiting = undefined
    fence.#timestampNs = timestampNs ?? host().nowNs()
    fence.#flags |= TIMESTAMP
    if (fenceWatch.tell !== undefined) fenceWatch.tell('signaled', fence)
    if (waiting === undefined) return true
    if (typeof waiting === 'function') runCallback(waiting, fence)
    else if (waiting instanceof Sleeper) wakeSleeper(waiting, fence)
    else waiting.run(fence)
    return true
  }

  // What waits, as a queue.
  static #queue(fence: Fence, waiting: NonNullable<Waiting>): CallbackQueue {
    if (waiting instanceof CallbackQueue) return waiting
    const queue = new CallbackQueue()
    if (waiting instanceof Sleeper) queue.addSleeper(waiting)
    else queue.add(waiting)
    fence.#waiting = queue
    return queue
  }

  static #addSleeper(fence: Fence, sleeper: Sleeper): void {
    const waiting = fence.#waiting
    if (waiting === undefined) fence.#waiting = sleeper
    else Fence.#queue(fence, waiting).addSleeper(sleeper)
  }

  static #removeSleeper(fence: Fence, sleeper: Sleeper): void {
    const waiting = fence.#waiting
    if (waiting === sleeper) fence.#waiting = undefined
    else if (waiting instanceof CallbackQueue) waiting.removeSleeper(sleeper)
    Fence.#disable(fence)
  }

  // Where nobody waits any more, for creators to whom that matters.
  static #disable(fence: Fence): void {
    const ops = fence.#ops
    if (ops.disableSignaling === undefined || Fence.#isAwaited(fence)) return
    if ((fence.#flags & SIGNALED) !== 0) return
    fence.#flags &= ~ENABLED
    ops.disableSignaling(fence)
  }

  static #isAwaited(fence: Fence): boolean {
    const waiting = fence.#waiting
    return waiting !== undefined && !(waiting instanceof CallbackQueue && waiting.isEmpty)
  }
}

function refuseCallback(callback: unknown): never {
  if (callback !== undefined && callback !== null)
    throw new TypeError('Callback must be a function')
  const message = 'addCallback: give a callback'
  warn({ rule: 'FENCE-18', message })
  throw new DmaBufError('EINVAL', 'addCallback', message, { rule: 'FENCE-18' })
}

/** What a fence fails with whose creator threw. */
function errorOf(error: unknown): DmaBufError {
  if (DmaBufError.is(error)) return error
  return new DmaBufError('EIO', 'enableSignaling', thrownText(error), { cause: error })
}
