import type { DmaBuf } from '../../core/buffer/buffer.js'
import { DmaBufError } from '../../core/errors.js'
import { importFd } from '../../linux/buffer-fd.js'
import { fdOf } from '../../linux/memory-of-fd.js'
import type { GemHandles } from './gem-handles.js'

/**
 * A buffer as a device has it: attached to the device until it is closed.
 *
 * @kernel drm_gem_object
 */
export class DrmBuffer implements Disposable {
  readonly #handles: GemHandles
  readonly #handle: number
  #closed = false

  /** @internal Use DrmDevice.import(). */
  constructor(handles: GemHandles, buffer: DmaBuf) {
    this.#handles = handles
    this.#handle = handles.import(fdOf(buffer, 'drm'))
  }

  /**
   * The device's number for it, for ioctls of your own: borrowed, the same one for all imports of one buffer.
   *
   * @throws {DmaBufError} EBADF after close(), of this or of the device
   */
  get handle(): number {
    if (!this.#closed && !this.#handles.closed) return this.#handle
    throw new DmaBufError('EBADF', 'drm', 'The import of this buffer, or its device, was closed')
  }

  /** The buffer as anybody has it: of one that came in, a handle on the same object. @returns owned */
  export(): DmaBuf {
    return importFd(this.#handles.export(this.handle), { access: 'readwrite' })
  }

  /** Takes it from the device, if this was the last import of it. Idempotent. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#handles.release(this.#handle)
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
