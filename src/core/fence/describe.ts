import { isElementSignaled } from './element.js'
import type { Fence } from './fence.js'

/**
 * One line about a fence: its names, seqno and state. May notice that the work is done.
 *
 * @kernel dma_fence_describe
 * @rule FENCE-34, PORT-12
 */
export function describeFence(fence: Fence): string {
  const state = isElementSignaled(fence) ? 'signalled' : 'unsignalled'
  return `${fence.driverName} ${fence.timelineName} seq ${fence.seqno} ${state}`
}
