import { isFenceContainer } from './container.js'
import { allocateContext } from './context.js'
import { FenceArray } from './fence-array.js'
import { getFence, putFence, type Fence } from './fence.js'
import { isLater } from './order.js'
import { createPrivateStub } from './stub.js'
import { unwrapFences } from './unwrap.js'

type Input = Fence | null | undefined

/**
 * One fence for all that is pending in several: containers are unwrapped, and of each timeline only the
 * latest counts. What is pending on one timeline only comes back as it is; nothing pending gives a
 * signalled fence, with the time of the last that signalled.
 *
 * @kernel dma_fence_unwrap_merge
 * @rule UNW-3, UNW-4, UNW-5, UNW-6, UNW-7
 * @param fences - references stay the caller's
 * @returns with one reference, the caller's
 */
export function mergeFences(fences: Iterable<Fence | null | undefined>): Fence {
  const inputs: readonly Input[] = Array.isArray(fences) ? (fences as Input[]) : [...fences]
  const merger = new Merger()
  // The kernel counts before it collects. What signals in between is left out.
  if (!merger.look(inputs, false)) return createPrivateStub(merger.latestNs)
  try {
    if (!merger.look(inputs, true)) return createPrivateStub(merger.latestNs)
  } catch (error) {
    merger.pending.forEach(putFence)
    throw error
  }
  return merge(merger.pending)
}

/** What a look at the leaves finds. */
class Merger {
  /** With a reference each. */
  readonly pending: Fence[] = []
  /** When the last of the signalled leaves signalled. */
  latestNs = 0

  /** Asks every leaf once. Returns whether one is pending. */
  look(inputs: readonly Input[], takes: boolean): boolean {
    let found = false
    for (const input of inputs) {
      if (input === undefined || input === null) continue
      if (!isFenceContainer(input)) found = this.#see(input, takes) || found
      else for (const leaf of unwrapFences(input)) found = this.#see(leaf, takes) || found
    }
    return found
  }

  #see(leaf: Fence, takes: boolean): boolean {
    if (!leaf.isSignaled()) {
      if (takes) this.pending.push(getFence(leaf))
      return true
    }
    const { timestampNs = 0 } = leaf
    if (timestampNs > this.latestNs) this.latestNs = timestampNs
    return false
  }
}

function merge(pending: Fence[]): Fence {
  const first = pending[0]!
  if (pending.length === 1) return first
  pending.sort(byContextLatestFirst)
  let kept = 1
  for (let index = 1; index < pending.length; index++) {
    const fence = pending[index]!
    if (fence.context === pending[kept - 1]!.context) putFence(fence)
    else pending[kept++] = fence
  }
  pending.length = kept
  if (kept === 1) return pending[0]!
  return new FenceArray(pending, { context: allocateContext(), seqno: 1 })
}

// Equal fences stay in the order they came in: sorting is stable.
function byContextLatestFirst(a: Fence, b: Fence): number {
  if (a.context !== b.context) return a.context - b.context
  if (isLater(a, b)) return -1
  return isLater(b, a) ? 1 : 0
}
