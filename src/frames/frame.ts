import type { DmaBuf } from '../core/buffer/buffer.js'
import type { Rectangle } from '../interprocess/frame-descriptor.js'
import type { ClaimedFrame } from '../interprocess/queue-consumer.js'
import { HeldFrame } from './held-frame.js'

/** Where a frame goes back to. @internal */
export interface FrameOwner {
  release(bufferIndex: number): void
}

/** A frame to look at. Release it, or leave its scope, as soon as you can: its buffer is the camera's next. */
export class Frame extends HeldFrame {
  /** Frames published since the one received before this and not received: 0 unless mode is 'latest'. */
  readonly missed: number
  readonly #claimed: ClaimedFrame
  readonly #owner: FrameOwner

  /** @internal */
  constructor(owner: FrameOwner, claimed: ClaimedFrame, buffer: DmaBuf) {
    super(buffer, claimed.format, { access: 'read', lengthBytes: claimed.facts.lengthBytes })
    this.#owner = owner
    this.#claimed = claimed
    this.missed = claimed.missed
  }

  /** Position in the queue, from 1; it starts again when the producer does. */
  get sequence(): number {
    return this.#claimed.facts.ticket
  }

  /** Monotonic nanoseconds (CLOCK_MONOTONIC, as process.hrtime()) that the producer gave; when it queued otherwise. */
  get timestampNs(): number {
    return this.#claimed.facts.timestampNs
  }

  /** Bytes in use, from the start; the length of `bytes`. */
  get lengthBytes(): number {
    return this.#claimed.facts.lengthBytes
  }

  /** What changed since the frame before; empty: take it all. */
  get damage(): readonly Rectangle[] {
    return this.#claimed.facts.damage
  }

  /** Gives the buffer back, as soon as its loans are settled. Idempotent. Never throws, never waits. */
  release(): void {
    this.finish()
  }

  [Symbol.dispose](): void {
    this.finish()
  }

  protected giveBack(): void {
    this.#owner.release(this.#claimed.bufferIndex)
  }
}
