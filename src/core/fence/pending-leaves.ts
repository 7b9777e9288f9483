import { isFenceContainer } from './container.js'
import { isElementSignaled } from './element.js'
import type { Fence } from './fence.js'
import { unwrapFences } from './unwrap.js'

/**
 * What a container waits for: its pending leaves, newest first. A plain fence waits for no other fence.
 *
 * @returns borrowed fences
 */
export function* pendingLeaves(fence: Fence): Generator<Fence, void, undefined> {
  if (!isFenceContainer(fence)) return
  for (const leaf of unwrapFences(fence)) if (!isElementSignaled(leaf)) yield leaf
}
