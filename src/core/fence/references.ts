import { DmaBufError } from '../errors.js'
import { warn } from '../warn.js'
import { reportThrown } from './callback-queue.js'
import type { Fence } from './fence.js'
import { access, nameOf } from './fence-access.js'
import { isFlaggedSignaled } from './fence-flags.js'
import { fenceWatch } from './fence-watch.js'

/** One more reference to a fence; nothing for nothing. @kernel dma_fence_get @rule FENCE-8 */
export function getFence<T extends Fence | null | undefined>(fence: T): T {
  if (fence !== undefined && fence !== null && tryGetFence(fence) === undefined)
    warn({ rule: 'FENCE-8', message: `getFence: ${nameOf(fence)} was released already` })
  return fence
}

/**
 * One more reference to a fence, unless it was released: undefined then.
 *
 * @kernel dma_fence_get_rcu
 * @rule FENCE-8
 */
export function tryGetFence<T extends Fence>(fence: T): T | undefined {
  const count = access.references(fence)
  if (count === 0) return undefined
  access.setReferences(fence, count + 1)
  return fence
}

/**
 * Gives a reference back; the last one releases the fence. Who never does so loses the creator's
 * `release` and nothing else: memory is the garbage collector's.
 *
 * A fence that is released while somebody waits for it warns, and fails with EDEADLK.
 *
 * @kernel dma_fence_put
 * @rule FENCE-8, FENCE-9
 */
export function putFence(fence: Fence | null | undefined): void {
  if (fence === undefined || fence === null) return
  const count = access.references(fence)
  if (count === 0) {
    warn({ rule: 'FENCE-8', message: `putFence: ${nameOf(fence)} was released already` })
    return
  }
  access.setReferences(fence, count - 1)
  if (count === 1) release(fence)
}

function release(fence: Fence): void {
  if (fenceWatch.tell !== undefined) fenceWatch.tell('destroy', fence)
  if (!isFlaggedSignaled(fence) && access.isAwaited(fence)) failAwaited(fence)
  try {
    access.ops(fence).release?.(fence)
  } catch (error) {
    reportThrown('release', fence, error)
  }
}

function failAwaited(fence: Fence): void {
  const { driverName, timelineName, context, seqno } = fence
  const name = `${driverName}:${timelineName}:${context.toString(16)}:${seqno.toString(16)}`
  const message = `Fence ${name} was released while somebody waits for it: hold a reference until then`
  warn({ rule: 'FENCE-9', message })
  access.signal(
    fence,
    new DmaBufError('EDEADLK', 'putFence', message, { rule: 'FENCE-9' }),
    undefined,
  )
}
