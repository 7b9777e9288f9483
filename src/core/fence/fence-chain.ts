import { defer } from '../deferred.js'
import { DmaBufError } from '../errors.js'
import { warn } from '../warn.js'
import { allocateContext } from './context.js'
import { isElementSignaled, setElementDeadline } from './element.js'
import { access } from './fence-access.js'
import {
  Fence,
  getFence,
  putFence,
  signalFence,
  type FenceCallback,
  type FenceOps,
} from './fence.js'

let enable: (fence: Fence) => boolean
let isDone: (fence: Fence) => boolean
let release: (fence: Fence) => void
let collect: (node: FenceChain) => Fence | undefined

const OPS: FenceOps = {
  driverName: 'dma_fence_chain',
  timelineName: 'unbound',
  use64BitSeqno: true,
  enableSignaling: (fence) => enable(fence),
  isSignaled: (fence) => isDone(fence),
  release: (fence) => release(fence),
  setDeadline(fence, deadlineNs) {
    let node: Fence | undefined = getFence(fence)
    while (node !== undefined) {
      setElementDeadline(containedFence(node), deadlineNs)
      node = walkChain(node)
    }
  },
  *waitsFor(fence) {
    let node: Fence | undefined = getFence(fence)
    while (node !== undefined) {
      const contained = containedFence(node)
      if (!isElementSignaled(contained)) yield contained
      node = walkChain(node)
    }
  },
}

/**
 * One fence behind another: signalled when its own fence and everything before it are. Errors of what
 * it contains are not its own.
 *
 * Callbacks run after the signal of the last fence has returned; isSignaled() knows at once.
 *
 * @kernel dma_fence_chain
 * @rule CHN-1, CHN-9, CHN-11, CHN-12
 */
export class FenceChain extends Fence {
  /** The fence of this node alone. Borrowed. */
  readonly contained: Fence
  /** The seqno before this one when the node was made; 0 where a timeline begins. @rule CHN-8 */
  readonly previousSeqno: number
  #previous: Fence | undefined
  // Made with the first callback: most nodes never have one.
  #callback: FenceCallback | undefined = undefined

  static {
    enable = (fence) => fence instanceof FenceChain && FenceChain.#enable(fence)
    isDone = (fence) => fence instanceof FenceChain && FenceChain.#isDone(fence)
    release = (fence) => {
      if (fence instanceof FenceChain) FenceChain.#release(fence)
    }
    collect = (node) => FenceChain.#collect(node)
  }

  /** As createFenceChain(). */
  constructor(previous: Fence | null | undefined, contained: Fence, seqno: number) {
    checkArguments(contained, seqno)
    const before = previous instanceof FenceChain ? previous : undefined
    const isNext = before !== undefined && seqno > before.seqno
    const context = isNext ? before.context : allocateContext()
    super(OPS, context, before === undefined ? seqno : Math.max(before.seqno, seqno))
    this.contained = contained
    this.previousSeqno = isNext ? before.seqno : 0
    this.#previous = previous ?? undefined
    if (!(contained instanceof FenceChain)) return
    const message = 'createFenceChain: a chain cannot contain a chain: chain its fences instead'
    warn({ rule: 'CHN-1', message })
  }

  /** What is before this node, less what was finished when somebody walked here. Borrowed. */
  get previous(): Fence | undefined {
    return this.#previous
  }

  // Private methods of instances would cost each node a field: so these are static, as those of fences.

  // Cuts out what is finished behind a node; returns what is left there, borrowed.
  static #collect(node: FenceChain): Fence | undefined {
    for (;;) {
      const previous = node.#previous
      if (previous === undefined) return undefined
      const isNode = previous instanceof FenceChain
      if (!isElementSignaled(isNode ? previous.contained : previous)) return previous
      // Whoever was asked, or heard of it, may have walked here meanwhile.
      if (node.#previous !== previous) continue
      node.#previous = isNode ? getFence(previous.#previous) : undefined
      putFence(previous)
    }
  }

  static #isDone(head: FenceChain): boolean {
    if (!head.contained.isSignaled()) return false
    let node = getFence(FenceChain.#collect(head))
    try {
      while (node !== undefined) {
        if (!containedFence(node).isSignaled()) return false
        node = walkChain(node)
      }
      return true
    } finally {
      putFence(node)
    }
  }

  // Arms one callback at the first pending fence; false where there is none left.
  static #enable(head: FenceChain): boolean {
    const callback = (head.#callback ??= FenceChain.#makeCallback(head))
    getFence(head)
    let node: Fence | undefined = getFence<Fence>(head)
    while (node !== undefined) {
      const fence = getFence(containedFence(node))
      if (fence.addCallback(callback)) {
        putFence(node)
        return true
      }
      putFence(fence)
      node = walkChain(node)
    }
    putFence(head)
    return false
  }

  static #makeCallback(head: FenceChain): FenceCallback {
    const goOn = (): void => {
      if (!FenceChain.#enable(head)) signalFence(head)
      putFence(head)
    }
    return (fence) => {
      putFence(fence)
      defer(goOn)
    }
  }

  // Nodes that only this one holds are taken off one by one: put as they are, each would put the next
  // inside its own release.
  static #release(node: FenceChain): void {
    let previous = node.#previous
    node.#previous = undefined
    while (previous instanceof FenceChain && access.references(previous) === 1) {
      const next = previous.#previous
      previous.#previous = undefined
      putFence(previous)
      previous = next
    }
    putFence(previous)
    putFence(node.contained)
  }
}

function checkArguments(contained: Fence, seqno: number): void {
  if (!(contained instanceof Fence)) throw new TypeError('A chain node must contain a fence')
  checkNumber(seqno)
}

function checkNumber(seqno: number): void {
  if (!Number.isSafeInteger(seqno) || seqno < 0)
    throw new RangeError(`Seqno of a chain must be a safe integer from 0: ${seqno}`)
}

/**
 * Puts a fence behind another one. A seqno beyond that of a previous node continues its context; any
 * other begins a new one, with a seqno no lower than the previous.
 *
 * @kernel dma_fence_chain_init
 * @rule CHN-1, CHN-2
 * @param previous - any fence, or none; the reference becomes the node's
 * @param fence - the node's own, an array at most: a chain there warns; the reference becomes the node's
 * @returns with one reference, the caller's
 */
export function createFenceChain(
  previous: Fence | null | undefined,
  fence: Fence,
  seqno: number,
): FenceChain {
  return new FenceChain(previous, fence, seqno)
}

/** As createFenceChain(), with references of its own: the caller's stay the caller's. */
export function chainFence(
  previous: Fence | null | undefined,
  fence: Fence,
  seqno: number,
): FenceChain {
  checkArguments(fence, seqno)
  return new FenceChain(getFence(previous), getFence(fence), seqno)
}

/** @kernel dma_fence_is_chain */
export function isFenceChain(fence: Fence | null | undefined): fence is FenceChain {
  return fence instanceof FenceChain
}

/** The own fence of a chain node, and of any other fence itself. Borrowed. @kernel dma_fence_chain_contained */
export function containedFence(fence: Fence): Fence {
  return fence instanceof FenceChain ? fence.contained : fence
}

/**
 * One step to what is before, past and cutting out what is finished there.
 *
 * A walk is `for (let node = getFence(head); node !== undefined; node = walkChain(node))`; who leaves it
 * early puts the node.
 *
 * @kernel dma_fence_chain_walk
 * @rule CHN-3, CHN-4, CHN-5
 * @param fence - the reference is used up
 * @returns with a reference; nothing behind the last node and behind a plain fence
 */
export function walkChain(fence: Fence): Fence | undefined {
  const previous = fence instanceof FenceChain ? getFence(collect(fence)) : undefined
  putFence(fence)
  return previous
}

/**
 * The node to wait for so that everything up to `seqno` is done: not always the node of that number.
 *
 * @kernel dma_fence_chain_find_seqno
 * @rule CHN-6, CHN-7, CHN-8
 * @param fence - the newest node; the reference is used up, unless the call throws
 * @param seqno - 0 answers with the fence itself
 * @returns with a reference; undefined where everything up to there is done
 * @throws {DmaBufError} EINVAL for what is no chain node, and a number that is still to come
 */
export function findChainSeqno(fence: Fence | null | undefined, seqno: number): Fence | undefined {
  checkNumber(seqno)
  if (seqno === 0) return fence ?? undefined
  if (!(fence instanceof FenceChain)) throw refusal('A point can be found in a chain only')
  if (fence.seqno < seqno) throw refusal(`${seqno} is still to come, the newest is ${fence.seqno}`)
  const { context } = fence
  let node: Fence | undefined = fence
  while (node instanceof FenceChain && node.context === context && node.previousSeqno >= seqno)
    node = walkChain(node)
  return node
}

function refusal(message: string): DmaBufError {
  return new DmaBufError('EINVAL', 'findChainSeqno', message, { rule: 'CHN-6' })
}
