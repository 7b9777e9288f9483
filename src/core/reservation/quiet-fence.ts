import { isFlaggedSignaled, putFence, type Fence } from '../fence/fence.js'
import { warnThrown } from '../warn.js'

/**
 * Whether a fence has signalled, asking its creator. What the creator throws becomes a warning: a table of
 * fences must not stop half-way because one of them is broken.
 *
 * @rule FENCE-13, PORT-4
 */
export function isDone(fence: Fence): boolean {
  try {
    return fence.isSignaled()
  } catch (error) {
    warnThrown(`${fence.driverName} threw when asked for a fence`, error)
    return isFlaggedSignaled(fence)
  }
}

/** Gives references back. */
export function putAll(fences: readonly Fence[]): void {
  for (let i = 0; i < fences.length; i++) putFence(fences[i])
}
