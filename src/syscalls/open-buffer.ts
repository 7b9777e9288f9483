import { addFenceTo, fenceOf } from '../core/buffer/buffer-fences.js'
import type { BufferObject } from '../core/buffer/buffer-object.js'
import { bufferObject, DmaBuf } from '../core/buffer/buffer.js'
import { beginSync, endSync } from '../core/buffer/cpu-sync.js'
import type { Direction } from '../core/buffer/device.js'
import { MapArea } from '../core/buffer/map-area.js'
import { mapFile } from '../core/buffer/mmap.js'
import { pollBuffer, stopPolling } from '../core/buffer/poll.js'
import { debug } from '../core/debug.js'
import { DmaBufError } from '../core/errors.js'
import { putFence } from '../core/fence/fence.js'
import { createSyncFile, type SyncFile } from '../core/sync-file.js'
import {
  decodeSync,
  decodeSyncFileArgument,
  DMA_BUF_IOCTL_EXPORT_SYNC_FILE,
  DMA_BUF_IOCTL_IMPORT_SYNC_FILE,
  DMA_BUF_IOCTL_SYNC,
  DMA_BUF_MAGIC,
  DMA_BUF_NAME_LEN,
  DMA_BUF_SET_NAME_A,
  DMA_BUF_SET_NAME_B,
  DMA_BUF_SYNC_BYTES,
  DMA_BUF_SYNC_END,
  DMA_BUF_SYNC_FILE_BYTES,
  DMA_BUF_SYNC_READ,
  DMA_BUF_SYNC_RW,
  DMA_BUF_SYNC_VALID_FLAGS_MASK,
  DMA_BUF_SYNC_WRITE,
  encodeSyncFileArgument,
} from '../uapi/dma-buf.js'
import { O_CLOEXEC, SEEK_END, SEEK_SET } from '../uapi/file.js'
import { decodeText } from '../uapi/struct.js'
import type { Caller } from './caller.js'
import type { DescriptorTable } from './descriptor-table.js'
import { interrupted } from './interrupted.js'
import type { MapRequest } from './mmap.js'
import { OpenFile, unknownCommand } from './open-file.js'
import { OpenSyncFile, syncFileOfDescriptor } from './open-sync-file.js'
import { readString } from './user-memory.js'

/** What fstat(2) says of a buffer. @rule BUF-14 */
export interface BufferStat {
  readonly inode: bigint
  readonly sizeBytes: number
  /** Of 512 bytes each, rounded down. */
  readonly blockCount: number
  /** Permissions only: a buffer has no file type. */
  readonly mode: number
}

/** What statfs(2) says of a buffer's file system. @rule BUF-14 */
export interface BufferStatfs {
  readonly type: number
  readonly name: string
}

/**
 * The open file of a buffer. Its references are the buffer's own: a descriptor, a handle and a mapping count
 * alike.
 *
 * @kernel dma_buf_fops
 * @rule BUF-20
 */
export class OpenBuffer extends OpenFile {
  readonly #object: BufferObject

  /** Takes a reference on the buffer over. @internal Use descriptorForBuffer(). */
  constructor(object: BufferObject) {
    super(object.flags)
    this.#object = object
  }

  override get(): this {
    this.#object.get()
    return this
  }

  override put(): void {
    this.#object.put()
  }

  /** A handle on the buffer, yours to close. @rule BUF-17 */
  handle(): DmaBuf {
    return new DmaBuf(this.#object)
  }

  override async ioctl(command: number, argument: bigint, caller: Caller): Promise<number> {
    this.get()
    try {
      return await this.#ioctl(command >>> 0, argument, caller)
    } finally {
      this.put()
    }
  }

  /** The size from SEEK_END, 0 from SEEK_SET; the position never moves. @rule BUF-28, BUF-29 */
  override lseek(offset: bigint, whence: number): bigint {
    if (whence !== SEEK_END && whence !== SEEK_SET)
      throw invalid('lseek', `Whence must be SEEK_SET or SEEK_END: ${whence}`, 'BUF-28')
    if (offset !== 0n) throw invalid('lseek', `Offset must be 0: ${offset}`, 'BUF-28')
    return whence === SEEK_END ? BigInt(this.#object.lengthBytes) : 0n
  }

  /** @rule BUF-14 */
  fstat(): BufferStat {
    const { inode, lengthBytes } = this.#object
    return { inode, sizeBytes: lengthBytes, blockCount: Math.floor(lengthBytes / 512), mode: 0o600 }
  }

  /** @rule BUF-14 */
  statfs(): BufferStatfs {
    return { type: DMA_BUF_MAGIC, name: 'dmabuf' }
  }

  /** What /proc/PID/fd and maps show. @rule BUF-14 */
  get path(): string {
    return `/dmabuf:${this.#object.name ?? ''}`
  }

  /**
   * What /proc/PID/fdinfo shows of a descriptor on this buffer.
   *
   * @kernel dma_buf_show_fdinfo
   * @rule BUF-61, BUF-62
   * @param closeOnExec - of the descriptor
   * @param mountId - the number of the file system's mount, whichever the caller gives it
   */
  fdinfo({ closeOnExec, mountId }: { closeOnExec: boolean; mountId: number }): string {
    const { inode, lengthBytes, references, exporterName, name } = this.#object
    const flags = this.flags | (closeOnExec ? O_CLOEXEC : 0)
    const lines = [
      'pos:\t0',
      `flags:\t0${flags.toString(8)}`,
      `mnt_id:\t${mountId}`,
      `ino:\t${inode}`,
      `size:\t${lengthBytes}`,
      `count:\t${references}`,
      `exp_name:\t${exporterName}`,
    ]
    if (name !== undefined) lines.push(`name:\t${name}`)
    return `${lines.join('\n')}\n`
  }

  /**
   * POLLIN where the buffer may be read, POLLOUT where it may be written; arms what wakes those who wait.
   *
   * @rule BUF-37, BUF-38, BUF-39
   */
  override poll(events: number, wake?: () => void): number | Promise<number> {
    return pollBuffer(this.#object, events, wake)
  }

  override stopPolling(wake: () => void): void {
    stopPolling(this.#object, wake)
  }

  /** @rule BUF-20, BUF-31, BUF-32 */
  override async map(request: MapRequest): Promise<MapArea> {
    const object = this.#object
    object.get()
    const area = new MapArea(request.pageCount, Number(request.pageOffset), object)
    area.isShared = request.isShared
    area.isWritable = request.isWritable
    try {
      await mapFile(object, area)
      return area
    } catch (error) {
      area.close()
      throw error
    }
  }

  // Nothing to do: the reference that was put was the buffer's.
  protected override release(): void {}

  #ioctl(command: number, argument: bigint, caller: Caller): number | Promise<number> {
    switch (command) {
      case DMA_BUF_IOCTL_SYNC:
        return this.#sync(argument, caller)
      case DMA_BUF_SET_NAME_A:
      case DMA_BUF_SET_NAME_B:
        return this.#setName(argument, caller)
      case DMA_BUF_IOCTL_EXPORT_SYNC_FILE:
        return this.#exportSyncFile(argument, caller)
      case DMA_BUF_IOCTL_IMPORT_SYNC_FILE:
        return this.#importSyncFile(argument, caller)
      default:
        throw unknownCommand(command)
    }
  }

  // Nobody checks that an end had a beginning. @rule BUF-49, BUF-50
  async #sync(argument: bigint, { memory, signal }: Caller): Promise<number> {
    const flags = decodeSync(memory.read(argument, DMA_BUF_SYNC_BYTES))
    if ((flags & ~BigInt(DMA_BUF_SYNC_VALID_FLAGS_MASK)) !== 0n)
      throw invalid('sync', `Flags must be READ, WRITE and END: ${flags}`, 'BUF-49')
    const bits = Number(flags)
    const direction = directionOf(bits)
    if ((bits & DMA_BUF_SYNC_END) !== 0) {
      endSync(this.#object, direction)
      return 0
    }
    try {
      await beginSync(this.#object, direction, { signal })
      return 0
    } catch (error) {
      throw signal?.aborted === true && error === signal.reason ? interrupted('sync', error) : error
    }
  }

  #setName(argument: bigint, { memory }: Caller): number {
    const name = readString(memory, argument, DMA_BUF_NAME_LEN)
    if (debug.failAllocations)
      throw new DmaBufError('ENOMEM', 'set name', 'No memory for a name', { rule: 'BUF-52' })
    this.#object.name = decodeText(name)
    return 0
  }

  // The kernel's order: the argument in, its flags, a number, the fences, the argument out. @rule BUF-55
  #exportSyncFile(argument: bigint, { memory, table }: Caller): number {
    const { flags } = decodeSyncFileArgument(memory.read(argument, DMA_BUF_SYNC_FILE_BYTES))
    const write = isWrite(flags, 'export sync file')
    const fd = table.reserve({ closeOnExec: true })
    try {
      using syncFile = snapshot(this.#object, write)
      memory.write(argument, encodeSyncFileArgument({ flags, fd }))
      table.install(fd, new OpenSyncFile(syncFile.dup()))
      return 0
    } catch (error) {
      table.cancel(fd)
      throw error
    }
  }

  // Never interrupted, as in the kernel: only the buffer's lock is waited for. @rule BUF-57, BUF-58
  async #importSyncFile(argument: bigint, { memory, table }: Caller): Promise<number> {
    const { flags, fd } = decodeSyncFileArgument(memory.read(argument, DMA_BUF_SYNC_FILE_BYTES))
    const write = isWrite(flags, 'import sync file')
    using syncFile = syncFileOfDescriptor(table, fd)
    if (syncFile === undefined)
      throw invalid('import sync file', `Descriptor must be a sync file: ${fd}`, 'BUF-57')
    await addFenceTo(this.#object, syncFile.fence, write)
    return 0
  }
}

function snapshot(object: BufferObject, write: boolean): SyncFile {
  const fence = fenceOf(object, write)
  try {
    return createSyncFile(fence)
  } finally {
    putFence(fence)
  }
}

/**
 * A descriptor for a buffer; the handle's reference moves into it, and the handle is closed: export, descriptor
 * and one close() release the buffer.
 *
 * @kernel dma_buf_fd
 * @rule BUF-15, BUF-16, MIS-1
 * @param flags - only O_CLOEXEC counts
 * @throws {DmaBufError} EINVAL without a buffer; EBADF for a closed handle; EMFILE: the handle is still yours then
 */
export function descriptorForBuffer(
  table: DescriptorTable,
  buffer: DmaBuf | null | undefined,
  flags = 0,
): number {
  if (buffer === null || buffer === undefined)
    throw invalid('descriptor for buffer', 'There is no buffer', 'BUF-15')
  const object = bufferObject(buffer, 'descriptor for buffer')
  const fd = table.reserve({ closeOnExec: (flags & O_CLOEXEC) !== 0 })
  object.get()
  table.install(fd, new OpenBuffer(object))
  buffer.close()
  return fd
}

/**
 * The buffer of a descriptor as a handle of your own.
 *
 * @kernel dma_buf_get
 * @rule BUF-17
 * @throws {DmaBufError} EBADF where nothing is open there; EINVAL where it is no buffer
 */
export function bufferOfDescriptor(table: DescriptorTable, fd: number): DmaBuf {
  const file = table.file(fd)
  if (file instanceof OpenBuffer) return file.handle()
  throw invalid('buffer of descriptor', `Descriptor must be a buffer: ${fd}`, 'BUF-17')
}

/** @throws {DmaBufError} EINVAL where neither READ nor WRITE is set. @rule BUF-49, BUF-50 */
function directionOf(flags: number): Direction {
  switch (flags & DMA_BUF_SYNC_RW) {
    case DMA_BUF_SYNC_READ:
      return 'from-device'
    case DMA_BUF_SYNC_WRITE:
      return 'to-device'
    case DMA_BUF_SYNC_RW:
      return 'bidirectional'
    default:
      throw invalid('sync', 'Flags must have READ or WRITE', 'BUF-49')
  }
}

/** READ and WRITE together count as WRITE. @rule BUF-55, BUF-57 */
function isWrite(flags: number, operation: string): boolean {
  if ((flags & ~DMA_BUF_SYNC_RW) !== 0 || flags === 0)
    throw invalid(operation, `Flags must be READ, WRITE or both: ${flags}`, 'BUF-55')
  return (flags & DMA_BUF_SYNC_WRITE) !== 0
}

function invalid(operation: string, message: string, rule: string): DmaBufError {
  return new DmaBufError('EINVAL', operation, message, { rule })
}
