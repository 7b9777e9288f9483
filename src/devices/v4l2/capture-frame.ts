import type { Bytes } from '../../core/buffer/access.js'
import type { DmaBuf } from '../../core/buffer/buffer.js'
import type { CpuAccess } from '../../core/buffer/cpu-access.js'
import { DmaBufError } from '../../core/errors.js'
import { HeldFrame } from '../../frames/held-frame.js'
import type { FilledBuffer } from './buffer-queue.js'
import type { CaptureFormat, CapturePlane } from './lay-out-picture.js'

/** What a captured frame is made of. @internal */
export interface CaptureFrameParts {
  readonly buffers: readonly DmaBuf[]
  readonly format: CaptureFormat
  readonly filled: FilledBuffer
  readonly missed: number
  /** Gives the buffer to the driver again. */
  readonly giveBack: () => void
}

/** A picture of a camera, yours until it is released or its scope ends: then the driver fills its buffer again. */
export class CaptureFrame extends HeldFrame {
  declare readonly format: CaptureFormat
  /** One for each piece of memory of the picture: one, unless the format is split. Borrowed. */
  readonly buffers: readonly DmaBuf[]
  /** Position in what the camera gave, those included for which there was no buffer. */
  readonly sequence: number
  /** Pictures since the one before this for which the driver had no buffer. */
  readonly missed: number
  /** Monotonic nanoseconds, when the driver says that the picture was taken. */
  readonly timestampNs: number
  /** The driver says that what is in it is damaged: usually a part of it is missing. */
  readonly damaged: boolean
  /** Bytes in use of the first buffer: for compressed pictures, how long this one is. */
  readonly lengthBytes: number
  readonly #parts: CaptureFrameParts
  readonly #others = new Map<number, CpuAccess>()

  /** @internal */
  constructor(parts: CaptureFrameParts) {
    const { buffers, format, filled, missed } = parts
    const [buffer] = buffers
    if (buffer === undefined) throw new DmaBufError('EINVAL', 'capture', 'Picture has no memory')
    const lengthBytes = Math.min(filled.bytesUsed[0] ?? 0, buffer.lengthBytes)
    super(buffer, format, { access: 'read', lengthBytes })
    this.buffers = buffers
    this.sequence = filled.sequence
    this.timestampNs = filled.timestampNs
    this.damaged = filled.damaged
    this.missed = missed
    this.lengthBytes = lengthBytes
    this.#parts = parts
  }

  /** As HeldFrame.bytes: of the first buffer; empty where a damaged picture has none. */
  override get bytes(): Bytes {
    return this.lengthBytes === 0 ? new Uint8Array(0) : super.bytes
  }

  /**
   * The bytes of one plane, rows with their strides, in whichever buffer it lies.
   *
   * @throws {RangeError} where there is no such plane, or fewer bytes are used
   */
  override plane(index: number): Bytes {
    const plane = this.format.planes[index]
    if (plane === undefined || plane.bufferIndex === 0) return super.plane(index)
    return this.#bytesOf(plane)
  }

  /** Gives the picture back. Idempotent. */
  release(): void {
    this.finish()
  }

  [Symbol.dispose](): void {
    this.finish()
  }

  protected giveBack(): void {
    for (const access of this.#others.values()) access.end()
    this.#others.clear()
    this.#parts.giveBack()
  }

  #bytesOf({ bufferIndex, offsetBytes, strideBytes, rowCount }: CapturePlane): Bytes {
    const buffer = this.buffers[bufferIndex]
    if (this.done || buffer === undefined)
      throw new DmaBufError('EBADF', 'plane', 'Frame is given back: keep what you need')
    let access = this.#others.get(bufferIndex)
    if (access === undefined) {
      access = buffer.tryBeginCpuAccess('read')
      if (access === undefined)
        throw new DmaBufError('EAGAIN', 'plane', 'The buffer must be waited for')
      this.#others.set(bufferIndex, access)
    }
    return access.bytes.subarray(offsetBytes, offsetBytes + strideBytes * rowCount)
  }
}
