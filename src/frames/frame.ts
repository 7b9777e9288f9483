import type { DmaBufError } from '../core/errors.js'
import type { Fence } from '../core/fence/fence.js'
import type { Rectangle } from '../interprocess/frame-descriptor.js'
import type { ClaimedFrame } from '../interprocess/queue-consumer.js'
import { frameError } from './acquire-fences.js'
import { HeldFrame } from './held-frame.js'
import type { BufferHold } from './slot-buffers.js'

/** Where a frame goes back to. @internal */
export interface FrameOwner {
  release(claimed: ClaimedFrame, hold: BufferHold, fence?: Fence): void
}

/** A frame to look at. Release it, or leave its scope, as soon as you can: its buffer is the camera's next. */
export class Frame extends HeldFrame {
  /** Frames published since the one received before this and not received: 0 unless mode is 'latest'. */
  readonly missed: number
  /** Which run of the producer the frame is from: a restarted producer has a larger number. */
  readonly epoch: number
  /**
   * Signals when the producer's work on the frame is done; until then its bytes are not to be looked at.
   * Undefined where there is nothing to wait for, always so unless the stream was opened with
   * `{ fences: 'pass' }`. Fails with EOWNERDEAD when the producer dies before.
   */
  readonly fence: Fence | undefined
  readonly #claimed: ClaimedFrame
  readonly #owner: FrameOwner
  readonly #hold: BufferHold
  #releaseFence: Fence | undefined

  /** @internal */
  constructor(
    owner: FrameOwner,
    claimed: ClaimedFrame,
    more: { readonly hold: BufferHold; readonly epoch: number; readonly fence: Fence | undefined },
  ) {
    const { hold, epoch, fence } = more
    const { lengthBytes } = claimed.facts
    super(hold.buffer, claimed.format, { access: 'read', lengthBytes })
    this.#owner = owner
    this.#claimed = claimed
    this.#hold = hold
    this.missed = claimed.missed
    this.epoch = epoch
    this.fence = fence
  }

  /** Position in the queue, from 1; it starts again when the producer does. */
  get sequence(): number {
    return this.#claimed.facts.ticket
  }

  /** Monotonic nanoseconds (CLOCK_MONOTONIC, as process.hrtime()) that the producer gave; when it queued otherwise. */
  get timestampNs(): number {
    return this.#claimed.facts.timestampNs
  }

  /** Monotonic nanoseconds, when the producer queued it; `timestampNs` where it does not say. */
  get publishedNs(): number {
    const { publishedNs, timestampNs } = this.#claimed.facts
    return publishedNs === 0 ? timestampNs : publishedNs
  }

  /** Bytes in use, from the start; the length of `bytes`. */
  get lengthBytes(): number {
    return this.#claimed.facts.lengthBytes
  }

  /** What changed since the frame before; empty: take it all. */
  get damage(): readonly Rectangle[] {
    return this.#claimed.facts.damage
  }

  /**
   * What the producer's work on the frame failed with: its bytes are whatever was there then. Undefined
   * for a good frame, and for one whose `fence` is pending.
   */
  get error(): DmaBufError | undefined {
    if (this.fence !== undefined) return this.fence.isSignaled() ? this.fence.error : undefined
    const { fenceStatus, facts } = this.#claimed
    return fenceStatus < 0 ? frameError(fenceStatus, facts.ticket) : undefined
  }

  /**
   * Gives the buffer back, as soon as its loans are settled. Idempotent. Never throws, never waits.
   *
   * @param fence - of work that still uses the buffer: it is not refilled before that signals, with or
   *   without an error, and does not count as held meanwhile
   */
  release(fence?: Fence): void {
    if (!this.done) this.#releaseFence = fence
    this.finish()
  }

  [Symbol.dispose](): void {
    this.finish()
  }

  protected giveBack(): void {
    this.#owner.release(this.#claimed, this.#hold, this.#releaseFence)
  }
}
