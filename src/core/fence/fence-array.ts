import { defer } from '../deferred.js'
import type { DmaBufError } from '../errors.js'
import { warn } from '../warn.js'
import { isElementSignaled, setElementDeadline } from './element.js'
import { access } from './fence-access.js'
import { isFenceChain } from './fence-chain.js'
import {
  Fence,
  getFence,
  putFence,
  signalFence,
  storeFenceError,
  type FenceCallback,
  type FenceOps,
} from './fence.js'

/** Where an array stands, and what it waits for. */
export interface FenceArrayOptions {
  readonly context: number
  /** Cut to 32 bits. */
  readonly seqno: number
  /** Signals with the first element instead of the last. */
  readonly any?: boolean | undefined
}

let enable: (fence: Fence) => boolean
let isDone: (fence: Fence) => boolean

// These operations are of arrays alone.
const elementsOf = (fence: Fence) => (fence as Fence & Pick<FenceArray, 'elements'>).elements

const OPS: FenceOps = {
  driverName: 'dma_fence_array',
  timelineName: 'unbound',
  enableSignaling: (fence) => enable(fence),
  isSignaled: (fence) => isDone(fence),
  release(fence) {
    for (const element of elementsOf(fence)) putFence(element)
  },
  setDeadline(fence, deadlineNs) {
    for (const element of elementsOf(fence)) setElementDeadline(element, deadlineNs)
  },
  waitsFor: (fence) => elementsOf(fence).filter((element) => !isElementSignaled(element)),
}

/**
 * A fence for all of several fences, or for the first of them. Its error is that of the first element
 * that failed, and is known only where signalling was enabled before.
 *
 * Callbacks run after the signal of the last element has returned; isSignaled() knows at once.
 *
 * @kernel dma_fence_array
 * @rule ARR-2, ARR-3, ARR-5, ARR-6, ARR-9
 */
export class FenceArray extends Fence {
  /** In the order they were given. Borrowed. */
  readonly elements: readonly Fence[]
  /** Whether it signals with the first element instead of the last. */
  readonly any: boolean
  /** How many must signal yet; below 0 where more did than an any-array needs. */
  #pending: number
  #isEnabled = false
  /** Whether the error of the next element that fails becomes the array's. @rule ARR-8 */
  #takesError = true

  static {
    enable = (fence) => #pending in fence && fence.#enable()
    isDone = (fence) => #pending in fence && fence.#isDone()
  }

  /** As createFenceArray(). */
  constructor(elements: readonly Fence[], { context, seqno, any = false }: FenceArrayOptions) {
    super(OPS, context, seqno >>> 0)
    this.elements = checkElements(elements)
    this.any = any
    this.#pending = any ? 1 : this.elements.length
  }

  #enable(): boolean {
    this.#isEnabled = true
    const callback: FenceCallback = (element) => {
      this.#count(element)
    }
    for (const element of this.elements) {
      getFence(this)
      if (element.addCallback(callback)) continue
      this.#take(element.error)
      putFence(this)
      if (--this.#pending === 0) {
        this.#takesError = false
        return false
      }
    }
    return true
  }

  // An element signalled that has our callback. The array itself must not signal in there.
  #count(element: Fence): void {
    this.#take(element.error)
    if (--this.#pending === 0) defer(() => this.#finish())
    else putFence(this)
  }

  #finish(): void {
    this.#takesError = false
    signalFence(this)
    putFence(this)
  }

  #take(error: DmaBufError | undefined): void {
    if (error === undefined || !this.#takesError) return
    // What somebody stored by hand stays.
    if (access.error(this) === undefined) storeFenceError(this, error)
  }

  #isDone(): boolean {
    if (!(this.#isEnabled ? this.#pending <= 0 : this.#areEnoughSignaled())) return false
    this.#takesError = false
    return true
  }

  #areEnoughSignaled(): boolean {
    let pending = this.#pending
    for (const element of this.elements) if (element.isSignaled() && --pending === 0) return true
    return false
  }
}

function checkElements(elements: readonly Fence[]): readonly Fence[] {
  // Callers in JavaScript may give nothing at all.
  const given = (elements as readonly Fence[] | undefined) ?? []
  if (given.length === 0)
    warn({ rule: 'ARR-1', message: 'createFenceArray: an array of no fences says nothing useful' })
  for (const element of given) {
    if (!isFenceArray(element) && !isFenceChain(element)) continue
    const message = `createFenceArray: an element is a ${element.driverName}: give its fences instead`
    warn({ rule: 'ARR-1', message })
  }
  return given
}

/**
 * A fence for all of several fences, or, with `any`, for the first of them. An element that is a
 * container itself warns, and so do no elements at all: such an array never signals where nobody enables
 * it, and with `any` not even then.
 *
 * @kernel dma_fence_array_create
 * @rule ARR-1, ARR-3
 * @param elements - the list belongs to the array from then on, with one reference on each
 * @returns with one reference, the caller's
 */
export function createFenceArray(
  elements: readonly Fence[],
  options: FenceArrayOptions,
): FenceArray {
  return new FenceArray(elements, options)
}

/** @kernel dma_fence_is_array */
export function isFenceArray(fence: Fence | null | undefined): fence is FenceArray {
  return fence instanceof FenceArray
}

/**
 * The first element of an array, a plain fence itself, or nothing. Borrowed.
 *
 * @kernel dma_fence_array_first
 * @rule ARR-12
 */
export function arrayFirst(fence: Fence | null | undefined): Fence | undefined {
  if (fence === undefined || fence === null) return undefined
  return isFenceArray(fence) ? fence.elements[0] : fence
}

/**
 * The element of an array at an index, from 1; undefined past its end and for a plain fence. Borrowed.
 *
 * @kernel dma_fence_array_next
 * @rule ARR-12
 */
export function arrayNext(fence: Fence | null | undefined, index: number): Fence | undefined {
  return isFenceArray(fence) ? fence.elements[index] : undefined
}

/**
 * Whether a fence, or every element of an array, is of one context.
 *
 * @kernel dma_fence_match_context
 * @rule ARR-12
 */
export function matchContext(fence: Fence, context: number): boolean {
  if (!isFenceArray(fence)) return fence.context === context
  return fence.elements.every((element) => element.context === context)
}
