import { isFenceArray } from './fence-array.js'
import { containedFence, walkChain } from './fence-chain.js'
import { getFence, putFence, type Fence } from './fence.js'

/**
 * A walk over the leaves of a fence. It holds a reference on the chain node it stands on, which is put
 * at the end, by leaving a `for…of`, or by disposing; the leaves themselves are borrowed.
 *
 * @kernel dma_fence_unwrap
 * @rule UNW-1, UNW-2
 */
export class FenceLeaves implements IterableIterator<Fence>, Disposable {
  #node: Fence | undefined
  #isEntered = false
  #elements: readonly Fence[] | undefined = undefined
  #index = 0

  constructor(fence: Fence | null | undefined) {
    this.#node = getFence(fence ?? undefined)
  }

  /** The next leaf; undefined after the last. */
  advance(): Fence | undefined {
    for (;;) {
      const element = this.#elements?.[this.#index++]
      if (element !== undefined) return element
      const fence = this.#enterNode()
      this.#elements = isFenceArray(fence) ? fence.elements : undefined
      this.#index = 0
      // An array of no elements hides nothing that is behind it.
      if (this.#elements === undefined) return fence
    }
  }

  /** The next leaf, borrowed. */
  next(): IteratorResult<Fence, undefined> {
    const value = this.advance()
    return value === undefined ? { done: true, value } : { done: false, value }
  }

  /** Ends the walk and gives back its reference. */
  return(): IteratorResult<Fence, undefined> {
    this[Symbol.dispose]()
    return { done: true, value: undefined }
  }

  [Symbol.iterator](): this {
    return this
  }

  [Symbol.dispose](): void {
    const node = this.#node
    this.#node = undefined
    this.#elements = undefined
    putFence(node)
  }

  #enterNode(): Fence | undefined {
    if (this.#isEntered && this.#node !== undefined) this.#node = walkChain(this.#node)
    this.#isEntered = true
    return this.#node === undefined ? undefined : containedFence(this.#node)
  }
}

/**
 * The leaves of a fence: of a chain from the newest node, of arrays in their order; an element of an
 * array is a leaf, whatever it is. A plain fence has itself, nothing has none. Signalled leaves come too,
 * but for nodes that the walk cuts out.
 *
 * @kernel dma_fence_unwrap_for_each
 * @rule UNW-1, UNW-2
 * @returns borrowed leaves; to be walked to its end, left by a `for…of`, or disposed
 */
export function unwrapFences(fence: Fence | null | undefined): FenceLeaves {
  return new FenceLeaves(fence)
}
