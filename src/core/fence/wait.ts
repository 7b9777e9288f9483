import { debug } from '../debug.js'
import { DmaBufError } from '../errors.js'
import { host, type AbortSignalLike, type WaitOptions } from '../host.js'
import { warn } from '../warn.js'
import { Sleeper } from './callback-queue.js'
import type { Fence } from './fence.js'
import { access } from './fence-access.js'
import { isFlaggedSignaled } from './fence-flags.js'
import { callOwnWait, watchWait } from './fence-wait.js'
import { fenceWatch } from './fence-watch.js'

/** What may interrupt a wait; nothing where absent: the kernel's uninterruptible wait. @rule PORT-2 */
export type InterruptOptions = Pick<WaitOptions, 'signal'>

/**
 * Waits until a fence signals, with the kernel's own results; the fence's error is not among them, so look
 * at its status. Fence.wait() is the friendlier one.
 *
 * What counts is the moment the waiter runs again: where no time is left then the answer is 0 though the
 * fence has signalled, and an aborted signal wins over a fence that has signalled, too.
 *
 * @kernel dma_fence_wait_timeout
 * @rule FENCE-25, FENCE-26, FENCE-27, FENCE-28, FENCE-29
 * @param timeoutMs - 0 and up; `Infinity` is for ever
 * @returns whole milliseconds left, at least 1, `Infinity` of `Infinity`; 0 where the time was over
 * @throws {DmaBufError} EINVAL for a negative timeout; the reason of an aborted signal
 */
export async function waitFenceTimeout(
  fence: Fence,
  timeoutMs: number,
  options: InterruptOptions = {},
): Promise<number> {
  checkTimeout(timeoutMs, 'waitFenceTimeout', 'FENCE-25')
  fence.enableSignaling()
  const isOwn = access.ops(fence).wait !== undefined
  const waiting = isOwn
    ? callOwnWait(fence, timeoutMs, options)
    : defaultWait(fence, timeoutMs, options)
  return fenceWatch.tell === undefined ? waiting : watchWait(fence, waiting)
}

/**
 * The usual wait, for `FenceOps.wait` to fall back on: looks at the signalled bit only.
 *
 * @kernel dma_fence_default_wait
 * @rule FENCE-26, FENCE-27, FENCE-28
 * @returns as waitFenceTimeout() does
 */
export async function defaultWait(
  fence: Fence,
  timeoutMs: number,
  { signal }: InterruptOptions = {},
): Promise<number> {
  if (isFlaggedSignaled(fence)) return wholeTime(timeoutMs)
  throwIfAborted(signal)
  if (timeoutMs === 0) return 0
  const nap = new Nap(timeoutMs, signal)
  const wake = (): void => nap.wake()
  const sleeper = new Sleeper(wake, wake)
  access.addSleeper(fence, sleeper)
  try {
    return await nap.sleep()
  } finally {
    access.removeSleeper(fence, sleeper)
  }
}

/**
 * Waits until one of several fences signals.
 *
 * @kernel dma_fence_wait_any_timeout
 * @rule FENCE-30
 * @param timeoutMs - 0 looks once, asking the fences' creators; `Infinity` is for ever
 * @returns the first in order that is signalled, and what is left of the time; undefined where it is over
 * @throws {DmaBufError} EINVAL without fences or for a negative timeout; ENOMEM; the reason of an aborted signal
 */
export async function waitAnyFence(
  fences: readonly Fence[],
  timeoutMs: number,
  { signal }: InterruptOptions = {},
): Promise<{ readonly index: number; readonly remainingMs: number } | undefined> {
  if (fences === undefined || fences === null || fences.length === 0)
    refuse('waitAnyFence', 'FENCE-30', 'give one fence or more')
  checkTimeout(timeoutMs, 'waitAnyFence', 'FENCE-30')
  if (timeoutMs === 0) {
    const index = fences.findIndex((fence) => fence.isSignaled())
    return index < 0 ? undefined : { index, remainingMs: 1 }
  }
  if (debug.failAllocations)
    throw new DmaBufError('ENOMEM', 'waitAnyFence', 'No memory for callbacks', { rule: 'FENCE-30' })
  const nap = new Nap(timeoutMs, signal)
  const wake = (): void => nap.wake()
  let added = 0
  try {
    for (; added < fences.length; added++)
      if (!fences[added]!.addCallback(wake))
        return { index: added, remainingMs: wholeTime(timeoutMs) }
    const remainingMs = await nap.sleep()
    return remainingMs === 0
      ? undefined
      : { index: fences.findIndex(isFlaggedSignaled), remainingMs }
  } finally {
    while (added > 0) fences[--added]!.removeCallback(wake)
  }
}

/** A sleep that ends by its time, by its signal, or because somebody wakes it. */
class Nap {
  readonly #timeoutMs: number
  readonly #endNs: number
  readonly #signal: AbortSignalLike | undefined
  #isAwake = false
  #look: (() => void) | undefined = undefined
  #stopTimer: (() => void) | undefined = undefined

  constructor(timeoutMs: number, signal: AbortSignalLike | undefined) {
    this.#timeoutMs = timeoutMs
    this.#endNs = timeoutMs === Infinity ? Infinity : host().nowNs() + timeoutMs * 1e6
    this.#signal = signal
  }

  /** The sleeper runs again as soon as what runs now is over: not inside this call. */
  wake(): void {
    this.#isAwake = true
    if (this.#look !== undefined) void Promise.resolve().then(this.#look)
  }

  /** Whole milliseconds left when it runs again, 0 where none are. Rejects with the reason of its signal. */
  async sleep(): Promise<number> {
    const signal = this.#signal
    if (this.#isAwake) return wholeTime(this.#timeoutMs)
    throwIfAborted(signal)
    const wake = (): void => this.wake()
    signal?.addEventListener('abort', wake, { once: true })
    try {
      const leftMs = await this.#rest()
      if (leftMs > 0) throwIfAborted(signal)
      return leftMs
    } finally {
      this.#stopTimer?.()
      signal?.removeEventListener('abort', wake)
    }
  }

  #rest(): Promise<number> {
    return new Promise((resolve) => {
      this.#look = () => resolve(leftUntil(this.#endNs))
      if (this.#endNs !== Infinity)
        this.#stopTimer = host().setTimer(this.#timeoutMs, () => resolve(0))
    })
  }
}

function throwIfAborted(signal: AbortSignalLike | undefined): void {
  if (signal?.aborted === true) throw signal.reason
}

function leftUntil(endNs: number): number {
  return Math.max(0, Math.ceil((endNs - host().nowNs()) / 1e6))
}

/** What is left of a time of which nothing has passed: at least 1, so that it never reads as 0. @rule PORT-9 */
function wholeTime(timeoutMs: number): number {
  return Math.max(1, Math.ceil(timeoutMs))
}

function checkTimeout(timeoutMs: number, operation: string, rule: string): void {
  if (timeoutMs < 0) refuse(operation, rule, `timeoutMs must be 0 or more: ${timeoutMs}`)
  if (Number.isNaN(timeoutMs)) throw new RangeError(`timeoutMs must be 0 or more: ${timeoutMs}`)
}

function refuse(operation: string, rule: string, message: string): never {
  warn({ rule, message: `${operation}: ${message}` })
  throw new DmaBufError('EINVAL', operation, message, { rule })
}
