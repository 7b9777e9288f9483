import type { DmaBuf } from '../../core/buffer/buffer.js'
import type { OwnedFd } from '../../linux/owned-fd.js'
import {
  DRM_CAP_PRIME,
  DRM_CAP_SYNCOBJ,
  DRM_CAP_SYNCOBJ_TIMELINE,
  DRM_PRIME_CAP_EXPORT,
  DRM_PRIME_CAP_IMPORT,
} from '../../uapi/drm.js'
import { DrmBuffer } from './drm-buffer.js'
import { DrmNode } from './drm-node.js'
import { createDumbBuffer, type DumbBuffer, type DumbBufferOptions } from './dumb-buffer.js'
import { GemHandles } from './gem-handles.js'
import { createSyncobj, openSyncobj, type Syncobj } from './syncobj.js'
import { attachVgemFence, type VgemFence } from './vgem-fence.js'

/** What a device says that it can do. Dumb buffers are not among it: some that make them do not say so. */
export interface DrmCapabilities {
  /** Takes buffers: import(). Some take their own only, and say ENODEV to all others. */
  readonly imports: boolean
  /** Gives its buffers as dma-bufs. */
  readonly exports: boolean
  readonly syncobj: boolean
  /** Syncobjs with points. */
  readonly syncobjTimeline: boolean
}

/**
 * A DRM device without its displays: it makes buffers, takes those of others, and orders work on them by fences.
 *
 * Closing it takes back what it was given: handles, syncobjs, and fences of vgem, which signal. Buffers that it
 * made live on.
 */
export class DrmDevice implements Disposable {
  readonly path: string
  /** `i915`, `amdgpu`, `vgem`. */
  readonly driverName: string
  /** Of the driver: `major.minor.patch level`. */
  readonly version: string
  readonly capabilities: DrmCapabilities
  readonly #node: DrmNode
  readonly #handles: GemHandles

  /** @internal Use openDrm(). */
  constructor(node: DrmNode) {
    this.#node = node
    this.#handles = new GemHandles(node)
    this.path = node.path
    this.driverName = node.driverName
    this.version = node.version
    const prime = node.capability(DRM_CAP_PRIME)
    this.capabilities = {
      imports: (prime & DRM_PRIME_CAP_IMPORT) !== 0,
      exports: (prime & DRM_PRIME_CAP_EXPORT) !== 0,
      syncobj: node.capability(DRM_CAP_SYNCOBJ) !== 0,
      syncobjTimeline: node.capability(DRM_CAP_SYNCOBJ_TIMELINE) !== 0,
    }
  }

  /**
   * A buffer of plain pixels in memory of the device, as a dma-buf.
   *
   * @kernel DRM_IOCTL_MODE_CREATE_DUMB, DRM_IOCTL_PRIME_HANDLE_TO_FD
   * @returns with a buffer that is yours to close
   * @throws {RangeError} for what is no size
   * @throws {DmaBufError} EACCES on render nodes: a card has to be opened; EINVAL for what the driver cannot make;
   *   ENOMEM above the limit; EMFILE
   */
  createDumb(options: DumbBufferOptions): DumbBuffer {
    return createDumbBuffer(this.#node, this.#handles, options)
  }

  /**
   * Attaches a buffer of anybody's to this device.
   *
   * @kernel DRM_IOCTL_PRIME_FD_TO_HANDLE
   * @param buffer - borrowed: a dma-buf of the kernel's. One of a memfd is none: `openHeap({ need: 'device' })`
   * @returns owned: close it
   * @throws {DmaBufError} EINVAL for what is no dma-buf; ENODEV and others where the driver cannot reach it; EMFILE
   */
  import(buffer: DmaBuf): DrmBuffer {
    return new DrmBuffer(this.#handles, buffer)
  }

  /**
   * A box for a fence, or for a timeline of fences.
   *
   * @kernel DRM_IOCTL_SYNCOBJ_CREATE
   * @param options.signaled - with a fence that has signalled
   * @returns owned: close it
   * @throws {DmaBufError} EOPNOTSUPP where the driver has none
   */
  createSyncobj(options: { readonly signaled?: boolean } = {}): Syncobj {
    return createSyncobj(this.#node, options.signaled === true)
  }

  /**
   * The syncobj that somebody else exported.
   *
   * @kernel DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE
   * @param fd - moved: closed now
   * @returns owned
   * @throws {DmaBufError} EINVAL where it is none; EOPNOTSUPP
   */
  importSyncobj(fd: OwnedFd): Syncobj {
    return openSyncobj(this.#node, fd)
  }

  /**
   * Puts a fence into a buffer that waits for nothing but your signal(): for tests of other drivers. Only vgem has it.
   *
   * @kernel DRM_IOCTL_VGEM_FENCE_ATTACH
   * @rule VG-1, VG-2
   * @param buffer - borrowed: a dma-buf of the kernel's
   * @param options.write - whether readers wait, too
   * @throws {DmaBufError} EBUSY where a fence is in the way; ENOTTY where the driver is not vgem
   */
  attachVgemFence(buffer: DmaBuf, options: { readonly write?: boolean } = {}): VgemFence {
    return attachVgemFence(this.#node, () => this.import(buffer), options.write === true)
  }

  get closed(): boolean {
    return this.#node.closed
  }

  /** Idempotent. Never throws. */
  close(): void {
    this.#node.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

/**
 * Opens a DRM node: a card (`/dev/dri/card0`) or a render node (`/dev/dri/renderD128`). listDrmNodes() knows them.
 *
 * @returns owned: close it
 * @throws {DmaBufError} ENOENT, EACCES, with what to do; EINVAL for what is no DRM node
 */
export function openDrm(path: string): DrmDevice {
  return new DrmDevice(new DrmNode(path))
}
