import { isFenceArray, type FenceArray } from './fence-array.js'
import { isFenceChain, type FenceChain } from './fence-chain.js'
import type { Fence } from './fence.js'

/** Whether a fence stands for other fences. @kernel dma_fence_is_container */
export function isFenceContainer(
  fence: Fence | null | undefined,
): fence is FenceArray | FenceChain {
  return isFenceArray(fence) || isFenceChain(fence)
}
