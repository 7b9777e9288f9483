import {
  decodeDrmPrimeHandle,
  DRM_CLOEXEC,
  DRM_GEM_CLOSE_BYTES,
  DRM_IOCTL_GEM_CLOSE,
  DRM_IOCTL_PRIME_FD_TO_HANDLE,
  DRM_IOCTL_PRIME_HANDLE_TO_FD,
  DRM_PRIME_HANDLE_BYTES,
  DRM_RDWR,
  encodeDrmGemClose,
  encodeDrmPrimeHandle,
} from '../../uapi/drm.js'
import { OwnedFd } from '../../linux/owned-fd.js'
import { Struct } from '../../uapi/struct.js'
import type { DrmNode } from './drm-node.js'

/** Calls are over when they return: one of each will do for all. */
const PRIME = Struct.ofSize(DRM_PRIME_HANDLE_BYTES)
const CLOSE = Struct.ofSize(DRM_GEM_CLOSE_BYTES)

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

  /** Whether the device was closed: it has none of them any more. */
  get closed(): boolean {
    return this.#node.closed
  }

  /** A handle of a dma-buf; give it back by release(). @param dmaBuf - borrowed */
  import(dmaBuf: OwnedFd): number {
    const bytes = encodeDrmPrimeHandle({ handle: 0, flags: 0, fd: dmaBuf.number }, PRIME)
    this.#node.call(DRM_IOCTL_PRIME_FD_TO_HANDLE, bytes, 'Cannot import a buffer')
    const { handle } = decodeDrmPrimeHandle(PRIME)
    this.#counts.set(handle, (this.#counts.get(handle) ?? 0) + 1)
    return handle
  }

  /** A dma-buf of a handle, owned. */
  export(handle: number): OwnedFd {
    const flags = DRM_CLOEXEC | DRM_RDWR
    const bytes = encodeDrmPrimeHandle({ handle, flags, fd: -1 }, PRIME)
    this.#node.call(DRM_IOCTL_PRIME_HANDLE_TO_FD, bytes, 'Cannot export a buffer')
    return OwnedFd.adopt(decodeDrmPrimeHandle(PRIME).fd)
  }

  /** Gives one import() back; with the device all handles are gone. */
  release(handle: number): void {
    const count = this.#counts.get(handle) ?? 0
    if (count > 1) this.#counts.set(handle, count - 1)
    else if (this.#counts.delete(handle) && !this.#node.closed) {
      const bytes = encodeDrmGemClose({ handle, pad: 0 }, CLOSE)
      this.#node.call(DRM_IOCTL_GEM_CLOSE, bytes, 'Cannot close a handle')
    }
  }
}
