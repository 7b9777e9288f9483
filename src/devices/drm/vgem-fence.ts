import { DmaBufError } from '../../core/errors.js'
import {
  decodeVgemFenceAttach,
  DRM_IOCTL_VGEM_FENCE_ATTACH,
  DRM_IOCTL_VGEM_FENCE_SIGNAL,
  encodeVgemFenceAttach,
  encodeVgemFenceSignal,
  VGEM_FENCE_WRITE,
} from '../../uapi/vgem.js'
import type { DrmBuffer } from './drm-buffer.js'
import type { DrmNode } from './drm-node.js'

/** A fence of vgem's in a buffer, for whoever pretends to be a device. It signals by itself after ten seconds. */
export class VgemFence implements Disposable {
  readonly #node: DrmNode
  readonly #number: number
  #isOver = false

  /** @internal Use DrmDevice.attachVgemFence(). */
  constructor(node: DrmNode, number: number) {
    this.#node = node
    this.#number = number
  }

  /**
   * The work is done.
   *
   * @kernel DRM_IOCTL_VGEM_FENCE_SIGNAL
   * @rule VG-2
   * @throws {DmaBufError} ETIMEDOUT where the ten seconds were over before; ENOENT the second time; EBADF after the
   *   device was closed, which signalled it
   */
  signal(): void {
    this.#isOver = true
    const bytes = encodeVgemFenceSignal({ fence: this.#number, flags: 0 })
    this.#node.call(DRM_IOCTL_VGEM_FENCE_SIGNAL, bytes, 'Cannot signal a fence')
  }

  /** Signals it, unless that was done. */
  [Symbol.dispose](): void {
    if (this.#isOver || this.#node.closed) return
    try {
      this.signal()
    } catch {
      // It had signalled by itself.
    }
  }
}

/** @param find - the buffer as the device has it: closed now, since the buffer itself holds the fence */
export function attachVgemFence(node: DrmNode, find: () => DrmBuffer, write: boolean): VgemFence {
  // The number of the call means something else to every other driver.
  if (node.driverName !== 'vgem')
    throw new DmaBufError('ENOTTY', 'drm', `Only vgem has such fences, this is ${node.driverName}`)
  using buffer = find()
  const flags = write ? VGEM_FENCE_WRITE : 0
  const bytes = encodeVgemFenceAttach({ handle: buffer.handle, flags, fence: 0, pad: 0 })
  node.call(DRM_IOCTL_VGEM_FENCE_ATTACH, bytes, 'Cannot attach a fence')
  return new VgemFence(node, decodeVgemFenceAttach(bytes).fence)
}
