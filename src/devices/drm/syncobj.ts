import { DmaBufError } from '../../core/errors.js'
import type { WaitOptions } from '../../core/host.js'
import type { SyncFile } from '../../core/sync-file.js'
import { checkWait } from '../../core/wait.js'
import { Doorbell } from '../../linux/doorbell.js'
import { FdWatch } from '../../linux/fd-watch.js'
import type { KernelFence } from '../../linux/kernel-fence.js'
import { OwnedFd } from '../../linux/owned-fd.js'
import { exportSyncFile, importSyncFile, type KernelSyncFile } from '../../linux/sync-file-fd.js'
import * as uapi from '../../uapi/drm-syncobj.js'
import { POLLIN } from '../../uapi/file.js'
import type { DrmNode } from './drm-node.js'

const MAX_POINT = 2n ** 64n - 1n

/** What a wait for a syncobj is for. */
export interface SyncobjWaitOptions extends WaitOptions {
  /** Of a timeline; absent or 0n: the one fence of a syncobj without points. */
  readonly point?: bigint
  /** Until there is a fence to wait for, not until it signals. */
  readonly available?: boolean
}

/**
 * A box of the kernel's for a fence that may come later, or for a timeline of them, by number. A fence is for work that
 * has begun; a syncobj may be waited for before anybody has thought of the work, so that only programs wait for it,
 * never the kernel's memory management.
 *
 * @kernel drm_syncobj
 */
export class Syncobj implements Disposable {
  readonly #node: DrmNode
  readonly #handle: number
  /** Of those who wait. */
  readonly #bells = new Set<Doorbell>()
  #closed = false

  /** @internal Use DrmDevice.createSyncobj(). */
  constructor(node: DrmNode, handle: number) {
    this.#node = node
    this.#handle = handle
  }

  /** The device's number for it, for ioctls of your own; borrowed. @throws {DmaBufError} EBADF after close() */
  get handle(): number {
    this.#checkOpen()
    return this.#handle
  }

  /**
   * The fence that is in it now, as the kernel's: what is put in later changes nothing about it.
   *
   * @kernel DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD
   * @param point - of a timeline: done when it and all before it are
   * @returns owned: close it
   * @throws {DmaBufError} EINVAL where there is no fence yet: `await wait({ available: true })` before
   */
  exportSyncFile(point?: bigint): KernelSyncFile {
    if (isNoPoint(point)) return importSyncFile(this.#toFd(EXPORT_SYNC_FILE))
    using copy = createSyncobj(this.#node, false)
    transfer(this.#node, { from: this, point }, { to: copy, point: 0n })
    return importSyncFile(copy.#toFd(EXPORT_SYNC_FILE))
  }

  /**
   * Puts a fence in: in place of the one that was there, or at a point, behind all that are before it.
   *
   * @kernel DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE
   * @rule FENCE-41
   * @param file - borrowed: of the kernel's fences only, as for exportSyncFile()
   * @throws {DmaBufError} EINVAL for a fence of this program
   */
  importSyncFile(file: SyncFile | KernelFence, point?: bigint): void {
    using fd = exportSyncFile(file)
    if (isNoPoint(point)) {
      this.#take(fd)
      return
    }
    using copy = createSyncobj(this.#node, false)
    copy.#take(fd)
    transfer(this.#node, { from: copy, point: 0n }, { to: this, point })
  }

  /**
   * Puts a fence in that has signalled.
   *
   * @kernel DRM_IOCTL_SYNCOBJ_SIGNAL, DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL
   */
  signal(point?: bigint): void {
    if (isNoPoint(point)) {
      const bytes = uapi.encodeSyncobjArray({ count: 1, pad: 0 })
      this.#call(uapi.DRM_IOCTL_SYNCOBJ_SIGNAL, bytes, 'Cannot signal a syncobj')
      return
    }
    const bytes = uapi.encodeSyncobjTimelineArray({ count: 1, flags: 0 })
    this.#call(uapi.DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, bytes, 'Cannot signal a point', point)
  }

  /** Takes out what is in it. @kernel DRM_IOCTL_SYNCOBJ_RESET */
  reset(): void {
    const bytes = uapi.encodeSyncobjArray({ count: 1, pad: 0 })
    this.#call(uapi.DRM_IOCTL_SYNCOBJ_RESET, bytes, 'Cannot reset a syncobj')
  }

  /**
   * How far a timeline is.
   *
   * @kernel DRM_IOCTL_SYNCOBJ_QUERY
   * @param options.submitted - the last point that has a fence, instead of the last that is done
   */
  query(options: { readonly submitted?: boolean } = {}): bigint {
    const flags = options.submitted === true ? uapi.DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED : 0
    const bytes = uapi.encodeSyncobjTimelineArray({ count: 1, flags })
    return this.#call(uapi.DRM_IOCTL_SYNCOBJ_QUERY, bytes, 'Cannot query a syncobj', 0n)
  }

  /**
   * Settles when its fence, or that of a point, has signalled; the fence may come later. It is the event loop that
   * waits, and it keeps the program running. A fence that failed rejects, unless it is behind a point: those lose
   * their errors in the kernel.
   *
   * @kernel DRM_IOCTL_SYNCOBJ_EVENTFD
   * @throws {DmaBufError} ETIMEDOUT; the fence's error; EBADF when the syncobj or its device is closed meanwhile; EINVAL,
   *   ENOTTY before Linux 6.6; the reason of an aborted signal. As rejections
   */
  async wait({ point, available = false, ...options }: SyncobjWaitOptions = {}): Promise<void> {
    // What the kernel is asked for it keeps.
    checkWait(options)
    const flags = available ? uapi.DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE : 0
    using bell = new Doorbell()
    const fd = bell.bellNumber
    const eventfd = { handle: this.handle, flags, point: checkPoint(point ?? 0n), fd, pad: 0 }
    const bytes = uapi.encodeSyncobjEventfd(eventfd)
    this.#node.call(uapi.DRM_IOCTL_SYNCOBJ_EVENTFD, bytes, 'Cannot wait for a syncobj (Linux 6.6)')
    await this.#rung(bell, options)
    if (!available && isNoPoint(point)) this.#throwError()
  }

  /** A descriptor of the syncobj itself, for another process or device. @kernel DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD */
  export(): OwnedFd {
    return this.#toFd(0)
  }

  /** Others that have it keep it. Idempotent. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const bell of this.#bells) bell.ring()
    if (this.#node.closed) return
    const bytes = uapi.encodeSyncobjCreate({ handle: this.#handle, flags: 0 })
    this.#node.call(uapi.DRM_IOCTL_SYNCOBJ_DESTROY, bytes, 'Cannot destroy a syncobj')
  }

  [Symbol.dispose](): void {
    this.close()
  }

  // By the kernel, or by close(): the kernel forgets the wait then, and rings no more.
  async #rung(bell: Doorbell, options: WaitOptions): Promise<void> {
    using watch = new FdWatch(bell.set)
    const forget = this.#node.onClose(() => bell.ring())
    this.#bells.add(bell)
    try {
      await watch.ready(POLLIN, 'syncobj wait', options)
    } finally {
      this.#bells.delete(bell)
      forget()
    }
    this.#checkOpen()
  }

  #checkOpen(): void {
    if (!this.#closed && !this.#node.closed) return
    throw new DmaBufError('EBADF', 'syncobj', 'The syncobj or its device was closed')
  }

  // What it was that signalled, if it is still there.
  #throwError(): void {
    try {
      using file = this.exportSyncFile()
      if (file.fence.error !== undefined) throw file.fence.error
    } catch (error) {
      if (!DmaBufError.is(error, 'EINVAL')) throw error
    }
  }

  #take(fd: OwnedFd): void {
    const bytes = uapi.encodeSyncobjHandle({
      handle: this.handle,
      flags: uapi.DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE,
      fd: fd.number,
      pad: 0,
    })
    const what = 'Cannot put a fence into a syncobj'
    this.#node.call(uapi.DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, bytes, what)
  }

  #toFd(flags: number): OwnedFd {
    const bytes = uapi.encodeSyncobjHandle({ handle: this.handle, flags, fd: -1, pad: 0 })
    const what = flags === 0 ? 'Cannot export a syncobj' : 'Cannot take a fence out of a syncobj'
    this.#node.call(uapi.DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, bytes, what)
    return OwnedFd.adopt(uapi.decodeSyncobjHandle(bytes).fd)
  }

  // A call that takes lists, with lists of one. @returns what the kernel has put at the point's place
  #call(request: number, bytes: Uint8Array, what: string, point?: bigint): bigint {
    const handles = Uint32Array.of(this.handle)
    const points = BigUint64Array.of(point === undefined ? 0n : checkPoint(point))
    const addresses: (number | Uint8Array)[] = [uapi.SYNCOBJ_HANDLES_OFFSET, bytesOf(handles)]
    if (point !== undefined) addresses.push(uapi.SYNCOBJ_POINTS_OFFSET, bytesOf(points))
    this.#node.call(request, bytes, what, addresses)
    return points[0]!
  }
}

const EXPORT_SYNC_FILE = uapi.DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE

/** A new one. */
export function createSyncobj(node: DrmNode, isSignaled: boolean): Syncobj {
  const flags = isSignaled ? uapi.DRM_SYNCOBJ_CREATE_SIGNALED : 0
  const bytes = uapi.encodeSyncobjCreate({ handle: 0, flags })
  node.call(uapi.DRM_IOCTL_SYNCOBJ_CREATE, bytes, 'Cannot make a syncobj')
  return new Syncobj(node, uapi.decodeSyncobjCreate(bytes).handle)
}

/** One of somebody else's. @param fd - moved */
export function openSyncobj(node: DrmNode, fd: OwnedFd): Syncobj {
  using moved = fd
  const bytes = uapi.encodeSyncobjHandle({ handle: 0, flags: 0, fd: moved.number, pad: 0 })
  node.call(uapi.DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, bytes, 'Cannot import a syncobj')
  return new Syncobj(node, uapi.decodeSyncobjHandle(bytes).handle)
}

function transfer(
  node: DrmNode,
  { from, point: sourcePoint }: { from: Syncobj; point: bigint },
  { to, point: targetPoint }: { to: Syncobj; point: bigint },
): void {
  const bytes = uapi.encodeSyncobjTransfer({
    source: from.handle,
    target: to.handle,
    sourcePoint: checkPoint(sourcePoint),
    targetPoint: checkPoint(targetPoint),
    flags: 0,
    pad: 0,
  })
  node.call(uapi.DRM_IOCTL_SYNCOBJ_TRANSFER, bytes, 'Cannot move a fence between syncobjs')
}

function isNoPoint(point: bigint | undefined): point is undefined | 0n {
  return point === undefined || point === 0n
}

function checkPoint(point: bigint): bigint {
  if (typeof point === 'bigint' && point >= 0n && point <= MAX_POINT) return point
  throw new RangeError(`A point must be a bigint of 64 bits: ${String(point)}`)
}

function bytesOf(array: Uint32Array | BigUint64Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
}
