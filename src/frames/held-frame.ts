import type { Access, Bytes } from '../core/buffer/access.js'
import { countCopiedBytes } from '../core/buffer/copied-bytes.js'
import type { DmaBuf } from '../core/buffer/buffer.js'
import type { CpuAccess } from '../core/buffer/cpu-access.js'
import { DmaBufError } from '../core/errors.js'
import type { LaidOutFormat } from '../core/frame/format.js'

/**
 * A frame that one side of a queue holds. While it is held nobody refills its buffer.
 *
 * `bytes` is for code that is done when the frame is given back; what goes on afterwards needs lend().
 */
export abstract class HeldFrame implements Disposable {
  /** The shared buffer; borrowed from the queue, which closes it. */
  readonly buffer: DmaBuf
  /** What the bytes are; undefined where the queue carries plain bytes. */
  readonly format: LaidOutFormat | undefined
  readonly #access: Access
  readonly #lengthBytes: number
  #open: CpuAccess | undefined
  #loans = 0
  #done = false

  /** @internal */
  constructor(
    buffer: DmaBuf,
    format: LaidOutFormat | undefined,
    access: { readonly access: Access; readonly lengthBytes: number },
  ) {
    this.buffer = buffer
    this.format = format
    this.#access = access.access
    this.#lengthBytes = access.lengthBytes
  }

  /**
   * The frame's bytes: the shared memory itself where `zeroCopy`. Dead (length 0) once the frame is given back.
   * @throws {DmaBufError} EBADF once it is given back
   */
  get bytes(): Bytes {
    return this.#begin().bytes
  }

  /** False where the runtime forbids views of foreign memory: then `bytes` is a copy. */
  get zeroCopy(): boolean {
    return this.#begin().zeroCopy
  }

  /**
   * The bytes of one plane, rows with their strides; of all of it where there is no format.
   * @throws {RangeError} where there is no such plane, or fewer bytes are used
   */
  plane(index: number): Bytes {
    if (this.format === undefined && index === 0) return this.bytes
    const plane = this.format?.planes[index]
    if (plane === undefined) throw new RangeError(`Frame has no plane ${index}`)
    const { offsetBytes, strideBytes, rowCount } = plane
    const endBytes = offsetBytes + strideBytes * rowCount
    if (endBytes > this.#lengthBytes)
      throw new RangeError(
        `Plane ${index} ends at ${endBytes}, of the frame ${this.#lengthBytes} bytes are used`,
      )
    return this.bytes.subarray(offsetBytes, endBytes)
  }

  /**
   * Copies the bytes, for what you want to keep; counted in `stats().bytesCopied`.
   *
   * @param target - at least as long as `bytes`
   * @returns bytes copied
   */
  copyTo(target: Uint8Array): number {
    const { bytes } = this
    target.set(bytes)
    countCopiedBytes(bytes.length)
    return bytes.length
  }

  /**
   * Lends the bytes to code that goes on after this scope: the frame stays held until the promise that
   * `use` returns settles.
   *
   * @returns what `use` resolves to
   */
  async lend<T>(use: (bytes: Bytes) => PromiseLike<T>): Promise<T> {
    if (this.#done) throw this.#gone('lend')
    this.#loans++
    try {
      return await this.buffer.lend(this.#access, use, this.#lengthBytes)
    } finally {
      this.#loans--
      if (this.#done && this.#loans === 0) this.giveBack()
    }
  }

  abstract [Symbol.dispose](): void

  /** Whether the frame is given back, or will be when its loans are. */
  protected get done(): boolean {
    return this.#done
  }

  protected get loans(): number {
    return this.#loans
  }

  /** Ends the access; gives the buffer back now, or when the last loan settles. False: done before. */
  protected finish(): boolean {
    if (this.#done) return false
    this.#done = true
    this.#open?.end()
    this.#open = undefined
    if (this.#loans === 0) this.giveBack()
    return true
  }

  /** Hands the buffer to whoever is next. Called once. */
  protected abstract giveBack(): void

  #begin(): CpuAccess {
    if (this.#open !== undefined) return this.#open
    if (this.#done) throw this.#gone('bytes')
    const access = this.buffer.tryBeginCpuAccess(this.#access, this.#lengthBytes)
    // Buffers of a queue are memfds: there is never a device to wait for.
    if (access === undefined)
      throw new DmaBufError('EAGAIN', 'bytes', 'The buffer must be waited for')
    this.#open = access
    return access
  }

  #gone(operation: string): DmaBufError {
    return new DmaBufError(
      'EBADF',
      operation,
      'Frame is given back: keep what you need, or lend() it',
    )
  }
}
