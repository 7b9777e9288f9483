import { DmaBufError, errnoName } from '../core/errors.js'
import { allocateContext } from '../core/fence/context.js'
import { Fence, getFence, putFence, signalFence, type FenceOps } from '../core/fence/fence.js'
import { FENCE_PENDING } from '../interprocess/frame-descriptor.js'

/** The error of a frame whose acquire fence failed. @param status - -errno */
export function frameError(status: number, ticket: number): DmaBufError {
  return new DmaBufError(
    errnoName(-status),
    'acquire',
    `Frame ${ticket} has failed: its bytes are whatever the producer's work left there`,
  )
}

interface Pending {
  readonly bufferIndex: number
  readonly ticket: number
  readonly fence: Fence
  readonly settled: (() => void)[]
}

/** The acquire fences of frames that a consumer took before they were finished, as ordinary fences. */
export class AcquireFences {
  readonly #pending = new Map<Fence, Pending>()
  readonly #statusOf: (bufferIndex: number) => number
  readonly #wanted: () => void
  readonly #ops: FenceOps

  /**
   * @param queue.statusOf - looks: 0, FENCE_PENDING, or -errno
   * @param queue.wanted - somebody waits now: the producer has to be asked for a ring
   */
  constructor(queue: {
    readonly producerName: string
    readonly statusOf: (bufferIndex: number) => number
    readonly wanted: () => void
  }) {
    this.#statusOf = queue.statusOf
    this.#wanted = queue.wanted
    this.#ops = {
      driverName: 'dmabuf',
      timelineName: `frames of ${queue.producerName}`,
      isSignaled: (fence) => {
        this.#settle(this.#pending.get(fence))
        return false
      },
      enableSignaling: (fence) => {
        this.#wanted()
        this.#settle(this.#pending.get(fence))
        return this.#pending.has(fence)
      },
    }
  }

  /** Whether none is pending. */
  get isEmpty(): boolean {
    return this.#pending.size === 0
  }

  /** The fence of a claimed frame that is not finished. */
  add(bufferIndex: number, ticket: number): Fence {
    // Frames are finished in any order, so each has a context of its own.
    const fence = new Fence(this.#ops, allocateContext(), 1)
    this.#pending.set(fence, { bufferIndex, ticket, fence: getFence(fence), settled: [] })
    return fence
  }

  /** Calls back once the fence of a buffer has signalled. False: it has already, or there is none. */
  whenSettled(bufferIndex: number, callback: () => void): boolean {
    for (const pending of this.#pending.values())
      if (pending.bufferIndex === bufferIndex) {
        pending.settled.push(callback)
        return true
      }
    return false
  }

  /** Looks at all that are pending, and signals those that are not any more. */
  look(): void {
    for (const pending of this.#pending.values()) this.#settle(pending)
  }

  #settle(pending: Pending | undefined): void {
    if (pending === undefined) return
    const status = this.#statusOf(pending.bufferIndex)
    if (status === FENCE_PENDING) return
    const { fence, ticket, settled } = pending
    this.#pending.delete(fence)
    signalFence(fence, status === 0 ? undefined : frameError(status, ticket))
    putFence(fence)
    for (const callback of settled) callback()
  }
}
