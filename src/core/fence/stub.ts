import { Fence, getFence, signalFence } from './fence.js'
import type { FenceOps } from './fence-ops.js'

const OPS: FenceOps = { driverName: 'stub', timelineName: 'stub' }

let stub: Fence | undefined

/**
 * The one fence that has signalled already: where an interface needs a fence and there is no work.
 *
 * @kernel dma_fence_get_stub
 * @rule FENCE-32
 * @returns one more reference to it
 */
export function stubFence(): Fence {
  stub ??= signaled(undefined)
  return getFence(stub)
}

/**
 * A new fence that has signalled already, at a time of the caller's choice.
 *
 * @kernel dma_fence_allocate_private_stub
 * @rule FENCE-33
 * @param timestampNs - monotonic
 */
export function createPrivateStub(timestampNs: number): Fence {
  return signaled(timestampNs)
}

function signaled(timestampNs: number | undefined): Fence {
  const fence = new Fence(OPS, 0, 0)
  fence.enableSignaling()
  signalFence(fence, undefined, timestampNs)
  return fence
}
