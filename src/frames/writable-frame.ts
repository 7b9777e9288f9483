import type { DmaBuf } from '../core/buffer/buffer.js'
import { DmaBufError } from '../core/errors.js'
import { Fence } from '../core/fence/fence.js'
import type { LaidOutFormat } from '../core/frame/format.js'
import { isWithin, type Rectangle } from '../interprocess/frame-descriptor.js'
import { HeldFrame } from './held-frame.js'

/** What a producer says of a frame. */
export interface FrameMetadata {
  /** Monotonic nanoseconds; now where absent. */
  readonly timestampNs?: number
  /** Bytes in use; all of the frame where absent. */
  readonly lengthBytes?: number
  /** What changed since the frame before, within the frame; absent or empty: take it all. */
  readonly damage?: readonly Rectangle[]
  /**
   * Of work that still writes the frame: consumers get it once that has signalled, or with the fence. A
   * fence that fails gives them the frame with an `error`.
   */
  readonly fence?: Fence
}

/** What the frames of a queue are, until it is resized. @internal */
export interface FrameShape {
  /** Larger for each format the queue has had. */
  readonly serial: number
  readonly layout: LaidOutFormat | undefined
  readonly lengthBytes: number
}

/** What becomes of a writable frame. @internal */
export interface WritableFrameOwner {
  publish(bufferIndex: number, metadata: FrameMetadata, shape: FrameShape): void
  giveBack(bufferIndex: number): void
}

/** A buffer to fill. queue() publishes it; a scope left without that (a throw, a return) gives it back unseen. */
export class WritableFrame extends HeldFrame {
  readonly #owner: WritableFrameOwner
  readonly #bufferIndex: number
  readonly #shape: FrameShape
  #queued = false

  /** @internal */
  constructor(
    owner: WritableFrameOwner,
    bufferIndex: number,
    { handle, shape }: { readonly handle: DmaBuf; readonly shape: FrameShape },
  ) {
    super(handle, shape.layout, { access: 'write', lengthBytes: shape.lengthBytes })
    this.#owner = owner
    this.#bufferIndex = bufferIndex
    this.#shape = shape
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
    checkMetadata(metadata, this.#shape)
    this.#queued = true
    // The access ends before anybody can see the frame; giveBack() then does nothing.
    this.finish()
    this.#owner.publish(this.#bufferIndex, metadata, this.#shape)
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

function checkMetadata(metadata: FrameMetadata, shape: FrameShape): void {
  const { lengthBytes = 0, timestampNs = 0, damage, fence } = metadata
  if (!Number.isInteger(lengthBytes) || lengthBytes < 0 || lengthBytes > shape.lengthBytes)
    throw new RangeError(`lengthBytes must be 0 to ${shape.lengthBytes}: ${lengthBytes}`)
  if (!(timestampNs >= 0 && timestampNs < 2 ** 63))
    throw new RangeError(`timestampNs must be 0 or more, below 2^63: ${timestampNs}`)
  if (fence !== undefined && !(fence instanceof Fence))
    throw new TypeError(`fence must be a Fence: ${String(fence)}`)
  for (const rectangle of damage ?? []) checkDamage(rectangle, shape.layout)
}

function checkDamage(rectangle: Rectangle, format: LaidOutFormat | undefined): void {
  const { x, y, width, height } = rectangle
  const what = `x ${x}, y ${y}, width ${width}, height ${height}`
  if (![x, y, width, height].every((n) => Number.isInteger(n) && n >= 0 && n < 2 ** 31))
    throw new RangeError(`Damage must be integers from 0, below 2^31: ${what}`)
  if (!isWithin(rectangle, format))
    throw new RangeError(
      `Damage must be within the frame, ${format?.width}x${format?.height}: ${what}`,
    )
}
