import { reportThrown } from './callback-queue.js'
import type { Fence } from './fence.js'

/**
 * Whether an element of a container is signalled, for whoever cannot pass an exception on: a creator that
 * throws is reported, and its fence is pending.
 *
 * @rule PORT-4
 */
export function isElementSignaled(element: Fence): boolean {
  try {
    return element.isSignaled()
  } catch (error) {
    reportThrown('creator', element, error)
    return false
  }
}

/** Passes a deadline on; what the creator throws is reported, so that other elements hear of it too. @rule PORT-4 */
export function setElementDeadline(element: Fence, deadlineNs: number): void {
  try {
    element.setDeadline(deadlineNs)
  } catch (error) {
    reportThrown('creator', element, error)
  }
}
