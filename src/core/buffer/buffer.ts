import { DmaBufError } from '../errors.js'
import { Fence, putFence } from '../fence/fence.js'
import type { WaitOptions } from '../host.js'
import { unwatchLeaks, watchLeaks } from '../leak-watch.js'
import type { Reservation } from '../reservation/reservation.js'
import { createSyncFile, SyncFile } from '../sync-file.js'
import {
  checkAccess,
  directionOf,
  type Access,
  type Bytes,
  type CpuAccessOptions,
} from './access.js'
import { attachDevice, type AttachOptions } from './attach.js'
import { openVmap, type Vmap } from './vmap.js'
import type { ImporterOps } from './attachment-ops.js'
import type { Attachment } from './attachment.js'
import { linkBuffer } from './buffer-list.js'
import { checkName } from './buffer-name.js'
import { addFenceTo, fenceOf } from './buffer-fences.js'
import { BufferObject, type ExportInfo } from './buffer-object.js'
import { waitUntilReady } from './buffer-ready.js'
import { tellExported } from './buffer-watch.js'
import { checkExport } from './check-export.js'
import { CpuAccess } from './cpu-access.js'
import type { Device } from './device.js'
import { beginAccess, lendAccess } from './cpu-sync.js'
import { callSafely } from './exporter-calls.js'
import { pollBuffer, stopPolling } from './poll.js'

let objectOf: (handle: DmaBuf, operation: string) => BufferObject

/**
 * The object behind an open handle, borrowed.
 *
 * @internal
 * @kernel dma_buf_get
 * @rule BUF-17
 * @throws {DmaBufError} EBADF after close(), EINVAL for what is no buffer
 */
export function bufferObject(handle: DmaBuf, operation: string): BufferObject {
  return objectOf(handle, operation)
}

/**
 * A handle on a buffer, as a file descriptor is: owned by whoever holds it, duplicated by dup(), and the
 * last one closed (with no access or loan open) releases the memory.
 *
 * A handle that is collected without close() is reported with the stack that made it, never closed.
 *
 * @kernel dma_buf, and the descriptor that dma_buf_fd() makes for it
 * @rule BUF-15, BUF-18, BUF-20
 */
export class DmaBuf implements Disposable {
  readonly #object: BufferObject
  #closed = false

  static {
    objectOf = (handle, operation) => {
      if (typeof handle === 'object' && handle !== null && #object in handle)
        return handle.#open(operation)
      throw new DmaBufError('EINVAL', operation, 'Not a buffer', { rule: 'BUF-17' })
    }
  }

  /** @internal Use a heap, or exportBuffer(). */
  constructor(object: BufferObject) {
    object.get()
    this.#object = object
    const { name, inode, exporterName } = object
    watchLeaks(this, () => `DmaBuf ${name ?? `inode ${inode}`} of ${exporterName}`)
  }

  /** Unique per buffer; the memory's own inode where it has one. @rule BUF-12 */
  get inode(): bigint {
    return this.#object.inode
  }

  get lengthBytes(): number {
    return this.#object.lengthBytes
  }

  get exporterName(): string {
    return this.#object.exporterName
  }

  /** Shared by all handles of the buffer; undefined until set. @rule BUF-10 */
  get name(): string | undefined {
    return this.#object.name
  }

  get closed(): boolean {
    return this.#closed
  }

  /**
   * The fences that others have to obey, and the lock under which they change: the exporter's own where it
   * lent one.
   *
   * @rule BUF-8
   * @throws {DmaBufError} EBADF after close()
   */
  get reservation(): Reservation {
    return this.#open('reservation').reservation
  }

  /**
   * Renames the buffer, at any time.
   *
   * @kernel DMA_BUF_SET_NAME
   * @rule BUF-52, BUF-53
   * @param name - at most 31 bytes of UTF-8, without NUL
   * @throws {DmaBufError} EINVAL for a longer one
   */
  setName(name: string): void {
    const object = this.#open('setName')
    checkName(name, 'setName')
    object.ops.setName?.(name, object.state)
    object.name = name
  }

  /** Another handle on the same buffer, yours to close. @rule BUF-18 */
  dup(): DmaBuf {
    return new DmaBuf(this.#open('dup'))
  }

  /** Gives this handle back. Idempotent. Never throws, never waits. @rule BUF-19 */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    unwatchLeaks(this)
    this.#object.put()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /**
   * Begins CPU access: the exporter prepares first, then pending work of devices is waited for. Work that
   * failed is finished, too.
   *
   * @kernel dma_buf_begin_cpu_access
   * @rule CPU-1, CPU-2, CPU-3, CPU-4
   * @returns owned: end it, or hold it with `using`
   * @throws {DmaBufError} EBADF after close(); what the exporter says; ETIMEDOUT; the reason of an aborted signal
   */
  async beginCpuAccess(access: Access, options?: CpuAccessOptions): Promise<CpuAccess> {
    const object = this.#open('beginCpuAccess')
    checkAccess(access)
    object.get()
    try {
      const waiting = beginAccess(object, access, options)
      if (waiting !== undefined) await waiting
      return new CpuAccess(object, access)
    } finally {
      object.put()
    }
  }

  /**
   * Begins CPU access where nothing has to be waited for: the hot path.
   *
   * @rule CPU-2
   * @param lengthBytes - how much of it, from the start; all where absent
   * @returns owned; undefined where a fence is pending, or the exporter has to wait: use beginCpuAccess()
   * @throws {DmaBufError} EBADF after close(); what the exporter says
   */
  tryBeginCpuAccess(access: Access, lengthBytes = this.#object.lengthBytes): CpuAccess | undefined {
    const object = this.#open('tryBeginCpuAccess')
    checkAccess(access)
    checkLength(lengthBytes, object.lengthBytes)
    const { ops } = object
    if (ops.beginCpuAccess !== undefined && ops.tryBeginCpuAccess === undefined) return undefined
    if (object.knownReservation !== undefined) {
      if (!object.isReadyFor(access !== 'read')) return undefined
      // Creators of fences were asked, and may have closed this handle.
      this.#open('tryBeginCpuAccess')
    }
    if (ops.tryBeginCpuAccess?.(directionOf(access), object.state) === false) return undefined
    return new CpuAccess(object, access, lengthBytes)
  }

  /**
   * Lends the memory to code that goes on after this call: the access lasts until the promise that `use`
   * returns settles, and keeps the buffer alive that long, even past close(). Pending work is waited for
   * first, as by beginCpuAccess().
   *
   * @param lengthBytes - how much of it, from the start; all where absent
   * @returns what `use` resolves to
   */
  async lend<T>(
    access: Access,
    use: (bytes: Bytes) => PromiseLike<T>,
    lengthBytes = this.#object.lengthBytes,
    options?: CpuAccessOptions,
  ): Promise<T> {
    const object = this.#open('lend')
    checkAccess(access)
    checkLength(lengthBytes, object.lengthBytes)
    object.get()
    try {
      return await lendAccess(object, access, use, { ...options, lengthBytes })
    } finally {
      object.put()
    }
  }

  /**
   * Settles when no device stands in the way: `read` waits for writers, `write` for readers, too. It says
   * nothing about caches: accesses need their brackets all the same.
   *
   * @kernel poll(2) of a dma-buf
   * @rule BUF-38, BUF-45, BUF-48
   * @throws {DmaBufError} EBADF after close(); ETIMEDOUT; the reason of an aborted signal. As rejections
   */
  async ready(to: 'read' | 'write', options?: WaitOptions): Promise<void> {
    const object = this.#open('ready')
    if (to !== 'read' && to !== 'write')
      throw new TypeError(`Ready to 'read' or 'write', not: ${String(to)}`)
    return waitUntilReady(object, to, options)
  }

  /**
   * What is ready of POLL_IN and POLL_OUT; `wake`, where given, is called when to look again, until stopPolling().
   * ready() is the friendlier one.
   *
   * @kernel dma_buf_poll
   * @rule BUF-37, BUF-39, BUF-41
   * @param wake - called inside other calls: must not wait
   * @returns at once where the buffer's lock is free; POLL_ERR where its reservation was destroyed
   * @throws {DmaBufError} EBADF after close()
   */
  poll(events: number, wake?: () => void): number | Promise<number> {
    return pollBuffer(this.#open('poll'), events, wake)
  }

  /** Ends what one poll() began with that function; also after close(). */
  stopPolling(wake: () => void): void {
    stopPolling(this.#object, wake)
  }

  /**
   * One fence for everything that a new access has to wait for, as it is now.
   *
   * @rule BUF-55, BUF-56
   * @returns with a reference, yours to put; a signalled one where nothing is pending
   * @throws {DmaBufError} EBADF after close(), ENOMEM
   */
  fence(access: Access): Fence {
    const object = this.#open('fence')
    checkAccess(access)
    return fenceOf(object, access !== 'read')
  }

  /**
   * Makes others wait for a fence, as for an access of a device. Waits for the buffer's lock, never for the fence.
   *
   * @rule BUF-57, BUF-58
   * @param fence - borrowed; a container is taken apart
   * @throws {DmaBufError} EBADF after close(), ENOMEM; EINTR, ETIMEDOUT. As rejections
   */
  async addFence(fence: Fence, access: Access, options?: WaitOptions): Promise<void> {
    const object = this.#open('addFence')
    checkAccess(access)
    if (!(fence instanceof Fence)) throw new TypeError('Fence must be a fence')
    return addFenceTo(object, fence, access !== 'read', options)
  }

  /**
   * What a new access has to wait for, as a sync file: the way to APIs that take fences and know no buffers.
   *
   * @kernel DMA_BUF_IOCTL_EXPORT_SYNC_FILE
   * @rule BUF-55, BUF-56
   * @returns owned: close it
   * @throws {DmaBufError} EBADF after close(), ENOMEM
   */
  exportSyncFile(access: Access): SyncFile {
    const fence = this.fence(access)
    try {
      return createSyncFile(fence)
    } finally {
      putFence(fence)
    }
  }

  /**
   * Makes others wait for what a sync file waits for.
   *
   * @kernel DMA_BUF_IOCTL_IMPORT_SYNC_FILE
   * @rule BUF-57, BUF-58
   * @param file - borrowed
   * @throws {DmaBufError} EINVAL for what is no sync file, EBADF after close() of either, ENOMEM. As rejections
   */
  async importSyncFile(file: SyncFile, access: Access): Promise<void> {
    this.#open('importSyncFile')
    if (!(file instanceof SyncFile))
      throw new DmaBufError('EINVAL', 'importSyncFile', 'Not a sync file', { rule: 'BUF-57' })
    return this.addFence(file.fence, access)
  }

  /**
   * Ties a device to this buffer, so that it can map it. The attachment keeps nothing alive: hold a handle
   * until it is detached.
   *
   * @kernel dma_buf_attach, dma_buf_dynamic_attach
   * @rule ATT-1, ATT-2, ATT-11
   * @param importer - for a device that can live with memory that moves
   * @returns owned: detach it
   * @throws {DmaBufError} EBADF after close(); EINVAL, ENOMEM, and what the exporter says. As rejections
   */
  attach(device: Device, importer?: ImporterOps, options?: AttachOptions): Promise<Attachment> {
    // Not async: a promise around a promise would take three turns more.
    try {
      return attachDevice(this.#open('attach'), device, importer, options)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Maps the whole buffer for kernel code, which shares one map. Bracket the accesses as any other: the map
   * says nothing about coherency.
   *
   * @kernel dma_buf_vmap_unlocked
   * @rule CPU-9, CPU-13, CPU-15
   * @returns owned: end it
   * @throws {DmaBufError} EBADF after close(); EINVAL where the exporter has no vmap, and what it says. As rejections
   */
  async vmap(): Promise<Vmap> {
    return openVmap(this.#open('vmap'))
  }

  #open(operation: string): BufferObject {
    if (this.#closed)
      throw new DmaBufError('EBADF', operation, 'Buffer handle is closed', { rule: 'BUF-17' })
    return this.#object
  }
}

/**
 * Makes a buffer of memory that you own; the first handle on it is yours. Where it fails, the memory stays
 * yours: `release` is not called.
 *
 * @kernel dma_buf_export
 * @rule BUF-1, BUF-2, BUF-5, BUF-6, BUF-7, BUF-13
 * @throws {DmaBufError} EINVAL where what must be there is missing, ENOENT where the owner is going away, ENOMEM
 */
export function exportBuffer<P>(info: ExportInfo<P>): DmaBuf {
  checkExport(info)
  const { owner } = info
  if (owner !== undefined && !owner.tryGet())
    throw new DmaBufError('ENOENT', 'exportBuffer', 'The owner is going away', { rule: 'BUF-5' })
  try {
    const object = new BufferObject(info)
    tellExported(object)
    linkBuffer(object)
    return new DmaBuf(object)
  } catch (error) {
    if (owner !== undefined) callSafely('put of the owner', () => owner.put())
    throw error
  }
}

function checkLength(lengthBytes: number, most: number): void {
  if (!Number.isSafeInteger(lengthBytes) || lengthBytes < 0 || lengthBytes > most)
    throw new RangeError(`lengthBytes must be an integer from 0 to ${most}: ${lengthBytes}`)
}
