import { debug } from '../core/debug.js'
import { DmaBufError, errnoNumber } from '../core/errors.js'
import type { Fence } from '../core/fence/fence.js'
import type { FenceState, SyncFile } from '../core/sync-file.js'
import { O_RDONLY, POLLIN } from '../uapi/file.js'
import {
  decodeFileInfo,
  decodeMergeData,
  decodeSetDeadline,
  encodeFenceInfo,
  encodeFileInfo,
  storeMergedFence,
  SYNC_FENCE_INFO_BYTES,
  SYNC_FILE_INFO_BYTES,
  SYNC_IOC_FILE_INFO,
  SYNC_IOC_MERGE,
  SYNC_IOC_SET_DEADLINE,
  SYNC_MERGE_DATA_BYTES,
  SYNC_SET_DEADLINE_BYTES,
} from '../uapi/sync-file.js'
import type { Caller } from './caller.js'
import type { DescriptorOptions, DescriptorTable } from './descriptor-table.js'
import { OpenFile, unknownCommand } from './open-file.js'

/**
 * The open file of a sync_file.
 *
 * @kernel sync_file_fops
 * @rule SF-2, SF-8, SF-9
 */
export class OpenSyncFile extends OpenFile {
  /** Owned by this file: closed with its last reference. */
  readonly syncFile: SyncFile

  /** @param syncFile - moves here */
  constructor(syncFile: SyncFile) {
    super(O_RDONLY)
    this.syncFile = syncFile
  }

  override async ioctl(command: number, argument: bigint, caller: Caller): Promise<number> {
    switch (command >>> 0) {
      case SYNC_IOC_MERGE:
        return this.#merge(argument, caller)
      case SYNC_IOC_FILE_INFO:
        return this.#fileInfo(argument, caller)
      case SYNC_IOC_SET_DEADLINE:
        return this.#setDeadline(argument, caller)
      default:
        throw unknownCommand(command)
    }
  }

  /** POLLIN once the fence signalled, with or without an error; nothing else ever. @rule SF-4 */
  override poll(events: number, wake?: () => void): number {
    return this.syncFile.poll(wake) ? events & POLLIN : 0
  }

  override stopPolling(wake: () => void): void {
    this.syncFile.stopPolling(wake)
  }

  protected override release(): void {
    this.syncFile.close()
  }

  // The kernel's order: a number, the argument in, its checks, the other file, the argument out. @rule SF-10
  #merge(argument: bigint, { memory, table }: Caller): number {
    const fd = table.reserve({ closeOnExec: true })
    try {
      const bytes = memory.read(argument, SYNC_MERGE_DATA_BYTES)
      const { name, fd2, flags, pad } = decodeMergeData(bytes)
      if (flags !== 0 || pad !== 0) throw notZero('merge', 'SF-10')
      const other = syncFileAt(table, fd2)
      if (other === undefined)
        throw new DmaBufError('ENOENT', 'merge', `Descriptor must be a sync file: ${fd2}`, {
          rule: 'SF-10',
        })
      using merged = this.syncFile.merge(other, name)
      memory.write(argument, storeMergedFence(bytes, fd))
      table.install(fd, new OpenSyncFile(merged.dup()))
      return 0
    } catch (error) {
      table.cancel(fd)
      throw error
    }
  }

  // The array first, the header last; nothing where the array is too small. @rule SF-14, SF-19
  #fileInfo(argument: bigint, { memory }: Caller): number {
    const asked = decodeFileInfo(memory.read(argument, SYNC_FILE_INFO_BYTES))
    if (asked.flags !== 0 || asked.pad !== 0) throw notZero('file info', 'SF-14')
    const { syncFile } = this
    const isCounting = asked.fenceCount === 0
    // Overall the file's own fence where only the count is asked for, the leaves otherwise. @rule SF-18
    const own = isCounting ? statusNumber(syncFile.fence) : 0
    const info = syncFile.info()
    const fenceCount = info.fences.length
    if (!isCounting) {
      if (asked.fenceCount < fenceCount)
        throw new DmaBufError('EINVAL', 'file info', `Array must hold ${fenceCount} fences`, {
          rule: 'SF-14',
        })
      if (debug.failAllocations)
        throw new DmaBufError('ENOMEM', 'file info', 'No memory for the array', { rule: 'SF-14' })
      memory.write(asked.fencesAddress, encodeFences(info.fences))
    }
    const status = isCounting ? own : statusNumber(info)
    memory.write(argument, encodeFileInfo({ ...asked, name: info.name, status, fenceCount }))
    return 0
  }

  #setDeadline(argument: bigint, { memory }: Caller): number {
    const { deadlineNs, pad } = decodeSetDeadline(memory.read(argument, SYNC_SET_DEADLINE_BYTES))
    if (pad !== 0n) throw notZero('set deadline', 'SF-20')
    // The kernel takes the 64 bits for a signed time: what is past the largest one is long ago.
    this.syncFile.setDeadline(Number(BigInt.asIntN(64, deadlineNs)))
    return 0
  }
}

/**
 * A descriptor for a sync file; the handle's reference moves into it, and the handle is closed.
 *
 * @kernel fd_install
 * @rule SF-1
 * @param options - O_CLOEXEC where absent, as in the kernel
 * @throws {DmaBufError} EBADF for a closed handle; EMFILE: the handle is still yours then
 */
export function descriptorForSyncFile(
  table: DescriptorTable,
  syncFile: SyncFile,
  options: DescriptorOptions = { closeOnExec: true },
): number {
  const file = new OpenSyncFile(syncFile.dup())
  try {
    const fd = table.open(file, options)
    syncFile.close()
    return fd
  } catch (error) {
    file.put()
    throw error
  }
}

/**
 * The sync file of a descriptor as a handle of your own.
 *
 * @kernel sync_file_get_fence
 * @rule SF-3
 * @returns undefined where it is not open or no sync file
 */
export function syncFileOfDescriptor(table: DescriptorTable, fd: number): SyncFile | undefined {
  return syncFileAt(table, fd)?.dup()
}

/** As syncFileOfDescriptor(), borrowed. */
export function syncFileAt(table: DescriptorTable, fd: number): SyncFile | undefined {
  try {
    const file = table.file(fd)
    return file instanceof OpenSyncFile ? file.syncFile : undefined
  } catch (error) {
    if (DmaBufError.is(error, 'EBADF')) return undefined
    throw error
  }
}

/** 0 pending, 1 signalled, a negative errno: failed. @kernel dma_fence_get_status @rule SF-18 */
function statusNumber({ status, error }: Pick<Fence, 'status' | 'error'>): number {
  if (status === 'pending') return 0
  return error === undefined ? 1 : -errnoNumber(error.code)
}

function encodeFences(fences: readonly FenceState[]): Uint8Array {
  const bytes = new Uint8Array(fences.length * SYNC_FENCE_INFO_BYTES)
  for (const [index, state] of fences.entries()) {
    const { timelineName, driverName, timestampNs = 0 } = state
    const status = statusNumber(state)
    const info = { timelineName, driverName, status, timestampNs: BigInt(Math.trunc(timestampNs)) }
    bytes.set(encodeFenceInfo(info), index * SYNC_FENCE_INFO_BYTES)
  }
  return bytes
}

function notZero(operation: string, rule: string): DmaBufError {
  return new DmaBufError('EINVAL', operation, 'Flags and padding must be 0', { rule })
}
