import {
  decodeDrmPrimeHandle,
  DRM_CLOEXEC,
  DRM_IOCTL_GEM_CLOSE,
  DRM_IOCTL_PRIME_FD_TO_HANDLE,
  DRM_IOCTL_PRIME_HANDLE_TO_FD,
  DRM_RDWR,
  encodeDrmGemClose,
  encodeDrmPrimeHandle,
} from '../../uapi/drm.js'
import { OwnedFd } from '../../linux/owned-fd.js'
import type { DrmNode } from './drm-node.js'

/**
 * The handles that a device has given us for buffers. It gives the same handle for the same buffer, and does not count
 * how often: so it is counted here, and closed once, by the last.
 *
 * @kernel drm_gem_handle_create
 */
export class GemHandles {
  readonly #node: DrmNode
  readonly #counts = new Map<number, number>()

  constructor(node: DrmNode) {
    this.#node = node
  }

  /** A handle of a dma-buf; give it back by release(). @param dmaBuf - borrowed */
  import(dmaBuf: OwnedFd): number {
    const bytes = encodeDrmPrimeHandle({ handle: 0, flags: 0, fd: dmaBuf.number })
    this.#node.call(DRM_IOCTL_PRIME_FD_TO_HANDLE, bytes, 'Cannot import a buffer')
    const { handle } = decodeDrmPrimeHandle(bytes)
    this.#counts.set(handle, (this.#counts.get(handle) ?? 0) + 1)
    return handle
  }

  /** A dma-buf of a handle, owned. */
  export(handle: number): OwnedFd {
    const bytes = encodeDrmPrimeHandle({ handle, flags: DRM_CLOEXEC | DRM_RDWR, fd: -1 })
    this.#node.call(DRM_IOCTL_PRIME_HANDLE_TO_FD, bytes, 'Cannot export a buffer')
    return OwnedFd.adopt(decodeDrmPrimeHandle(bytes).fd)
  }

  /** Gives one import() back; with the device all handles are gone. */
  release(handle: number): void {
    const count = this.#counts.get(handle) ?? 0
    if (count > 1) this.#counts.set(handle, count - 1)
    else if (this.#counts.delete(handle) && !this.#node.closed)
      this.#node.call(
        DRM_IOCTL_GEM_CLOSE,
        encodeDrmGemClose({ handle, pad: 0 }),
        'Cannot close a handle',
      )
  }
}
