import { debug } from '../debug.js'
import { DmaBufError, errnoName } from '../errors.js'
import type { WaitOptions } from '../host.js'
import type { Task } from '../wait-graph.js'
import { waitFor } from '../wait.js'
import { Sleeper } from './callback-queue.js'
import type { Fence } from './fence.js'
import { access, nameOf } from './fence-access.js'
import { fenceWatch } from './fence-watch.js'
import { noteFenceWait } from './signalling.js'

/** How a fence is to be waited for. */
export interface FenceWaitOptions extends WaitOptions {
  /** Who waits: for reports of waits in a circle, with `setDebug({ signalling: true })`. @rule FENCE-37, PORT-6 */
  readonly task?: Task | undefined
}

/** Fence.wait() of a pending fence, where there is more to it than one promise. */
export function waitWith(fence: Fence, options: FenceWaitOptions): Promise<void> {
  const isOwn = access.ops(fence).wait !== undefined
  const waiting = isOwn ? waitItsWay(fence, options) : sleepWith(fence, options)
  const { task } = options
  const noted = debug.signalling && task !== undefined ? noteWhile(fence, task, waiting) : waiting
  return fenceWatch.tell === undefined ? noted : watchWait(fence, noted)
}

async function noteWhile(fence: Fence, task: Task, waiting: Promise<void>): Promise<void> {
  using _note = noteFenceWait(task, fence)
  await waiting
}

function sleepWith(fence: Fence, { signal, timeoutMs }: WaitOptions): Promise<void> {
  const describe = (): string => `: waiting for ${nameOf(fence)}`
  const limitMs = timeoutMs === Infinity ? undefined : timeoutMs
  return waitFor('fence wait', { signal, timeoutMs: limitMs, describe }, (waiter) => {
    const resolve = (): void => waiter.resolve(undefined)
    const sleeper = new Sleeper(resolve, waiter.reject)
    access.addSleeper(fence, sleeper)
    return () => access.removeSleeper(fence, sleeper)
  })
}

async function waitItsWay(fence: Fence, options: WaitOptions): Promise<void> {
  const { timeoutMs = Infinity } = options
  if ((await callOwnWait(fence, timeoutMs, options)) === 0) {
    const message = `fence wait timed out after ${timeoutMs} ms: waiting for ${nameOf(fence)}`
    throw new DmaBufError('ETIMEDOUT', 'fence wait', message)
  }
  const { error } = fence
  if (error !== undefined) throw error
}

/**
 * Waits the way the fence's creator wants it.
 *
 * @rule FENCE-31
 * @returns milliseconds left, or 0; a negative number is an errno and rejects
 */
export async function callOwnWait(
  fence: Fence,
  timeoutMs: number,
  { signal }: Pick<WaitOptions, 'signal'>,
): Promise<number> {
  const result = await access.ops(fence).wait!(fence, timeoutMs, { signal })
  if (result >= 0) return result
  const message = `The own wait of ${nameOf(fence)} failed`
  throw new DmaBufError(errnoName(-result), 'fence wait', message, { rule: 'FENCE-31' })
}

/** Tells the watchers of fences of a wait: that it starts, and once that it ended. @rule FENCE-36 */
export async function watchWait<T>(fence: Fence, waiting: Promise<T>): Promise<T> {
  fenceWatch.tell?.('wait_start', fence)
  try {
    return await waiting
  } finally {
    fenceWatch.tell?.('wait_end', fence)
  }
}
