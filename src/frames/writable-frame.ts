import type { DmaBuf } from '../core/buffer/buffer.js'
import { DmaBufError } from '../core/errors.js'
import type { LaidOutFormat } from '../core/frame/format.js'
import type { Rectangle } from '../interprocess/frame-descriptor.js'
import { HeldFrame } from './held-frame.js'

/** What a producer says of a frame. */
export interface FrameMetadata {
  /** Monotonic nanoseconds; now where absent. */
  readonly timestampNs?: number
  /** Bytes in use; all of the frame where absent. */
  readonly lengthBytes?: number
  /** What changed since the frame before; absent or empty: take it all. */
  readonly damage?: readonly Rectangle[]
}

/** What becomes of a writable frame. @internal */
export interface WritableFrameOwner {
  publish(bufferIndex: number, metadata: FrameMetadata): void
  giveBack(bufferIndex: number): void
}

/** A buffer to fill. queue() publishes it; a scope left without that (a throw, a return) gives it back unseen. */
export class WritableFrame extends HeldFrame {
  readonly #owner: WritableFrameOwner
  readonly #bufferIndex: number
  readonly #lengthBytes: number
  #queued = false

  /** @internal */
  constructor(
    owner: WritableFrameOwner,
    bufferIndex: number,
    buffer: { handle: DmaBuf; format: LaidOutFormat | undefined; lengthBytes: number },
  ) {
    const { handle, format, lengthBytes } = buffer
    super(handle, format, { access: 'write', lengthBytes })
    this.#owner = owner
    this.#bufferIndex = bufferIndex
    this.#lengthBytes = lengthBytes
  }

  /**
   * Publishes the frame to every consumer: once, and it is theirs.
   *
   * @throws {DmaBufError} EBADF after queue() or cancel(), EBUSY while it is lent
   */
  queue(metadata: FrameMetadata = {}): void {
    if (this.done) throw new DmaBufError('EBADF', 'queue', 'Frame is queued or cancelled already')
    if (this.loans > 0)
      throw new DmaBufError('EBUSY', 'queue', 'Frame is lent: await the loan before queueing it')
    checkMetadata(metadata, this.#lengthBytes)
    this.#queued = true
    // The access ends before anybody can see the frame; giveBack() then does nothing.
    this.finish()
    this.#owner.publish(this.#bufferIndex, metadata)
  }

  /** Gives the buffer back unseen. Idempotent; nothing after queue(). */
  cancel(): void {
    this.finish()
  }

  [Symbol.dispose](): void {
    this.finish()
  }

  protected giveBack(): void {
    if (!this.#queued) this.#owner.giveBack(this.#bufferIndex)
  }
}

function checkMetadata(metadata: FrameMetadata, capacity: number): void {
  const { lengthBytes = 0, timestampNs = 0, damage } = metadata
  if (!Number.isInteger(lengthBytes) || lengthBytes < 0 || lengthBytes > capacity)
    throw new RangeError(`lengthBytes must be 0 to ${capacity}: ${lengthBytes}`)
  if (!(timestampNs >= 0 && timestampNs < 2 ** 63))
    throw new RangeError(`timestampNs must be 0 or more, below 2^63: ${timestampNs}`)
  for (const { x, y, width, height } of damage ?? [])
    if (![x, y, width, height].every((n) => Number.isInteger(n) && n >= 0 && n < 2 ** 31))
      throw new RangeError(
        `Damage must be integers from 0, below 2^31: x ${x}, y ${y}, width ${width}, height ${height}`,
      )
}
