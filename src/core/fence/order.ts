import { warn } from '../warn.js'
import type { Fence } from './fence.js'
import { access } from './fence-access.js'

/**
 * Whether `a` comes after `b` on their timeline. Of different contexts neither does, and that warns.
 *
 * @kernel dma_fence_is_later
 * @rule FENCE-6
 */
export function isLater(a: Fence, b: Fence): boolean {
  if (!checkContexts(a, b)) return false
  if (access.ops(a).use64BitSeqno === true) return a.seqno > b.seqno
  // The low 32 bits of the difference, signed: seqnos wrap.
  return ((a.seqno - b.seqno) | 0) > 0
}

/** Whether `a` is `b`, or comes after it. @kernel dma_fence_is_later_or_same @rule FENCE-6 */
export function isLaterOrSame(a: Fence, b: Fence): boolean {
  return a === b || isLater(a, b)
}

/**
 * The later of two fences of one timeline.
 *
 * @kernel dma_fence_later
 * @rule FENCE-7
 * @returns borrowed; undefined where that one has signalled, and (warning) for different contexts
 */
export function laterFence(a: Fence, b: Fence): Fence | undefined {
  if (!checkContexts(a, b)) return undefined
  const later = isLater(a, b) ? a : b
  return later.isSignaled() ? undefined : later
}

function checkContexts(a: Fence, b: Fence): boolean {
  if (a.context === b.context) return true
  const message = `Fences of contexts ${a.context} and ${b.context} have no order`
  warn({ rule: 'FENCE-6', message })
  return false
}
