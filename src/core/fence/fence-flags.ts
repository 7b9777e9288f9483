import type { Fence } from './fence.js'
import { access } from './fence-access.js'

/** @kernel DMA_FENCE_FLAG_SIGNALED_BIT @rule FENCE-4 */
export const SIGNALED = 1
/** @kernel DMA_FENCE_FLAG_TIMESTAMP_BIT @rule FENCE-4 */
export const TIMESTAMP = 2
/** @kernel DMA_FENCE_FLAG_ENABLE_SIGNAL_BIT @rule FENCE-4 */
export const ENABLED = 4
/** The first of the bits that belong to the creator of a fence. @kernel DMA_FENCE_FLAG_USER_BITS @rule FENCE-4 */
export const USER_FLAGS = 8

/** Whether the fence was told to be signalled: one bit, its creator is never asked. @rule PORT-8, FENCE-28 */
export function isFlaggedSignaled(fence: Fence): boolean {
  return (access.flags(fence) & SIGNALED) !== 0
}

/** The flag bits of a fence: SIGNALED, TIMESTAMP, ENABLED, and its creator's own. @rule FENCE-4 */
export function fenceFlags(fence: Fence): number {
  return access.flags(fence)
}

/** Sets flag bits of the creator's own, from USER_FLAGS up; the lower ones stay as they are. @rule FENCE-4 */
export function setFenceFlags(fence: Fence, flags: number): void {
  access.setFlags(fence, access.flags(fence) | (flags & -USER_FLAGS))
}
