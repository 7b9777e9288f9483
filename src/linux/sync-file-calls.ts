import { DmaBufError, errnoName } from '../core/errors.js'
import {
  decodeFenceInfo,
  decodeFileInfo,
  decodeMergeData,
  encodeFileInfo,
  encodeMergeData,
  encodeSetDeadline,
  SYNC_FENCE_INFO_BYTES,
  SYNC_IOC_FILE_INFO,
  SYNC_IOC_MERGE,
  SYNC_IOC_SET_DEADLINE,
  type FenceInfo,
  type FileInfo,
} from '../uapi/sync-file.js'
import { ioctl } from './ioctl.js'
import { native } from './native.js'
import { OwnedFd } from './owned-fd.js'

/** Where the array's address is in `struct sync_file_info`. */
const ARRAY_OFFSET = 48

/** More fences than any driver puts into one file: 5 MB of answers. */
const MAX_FENCES = 65_536

/** How often the number of fences may change while they are read. */
const MAX_TRIES = 8

const MAX_DEADLINE_NS = 2n ** 63n - 1n

/** What the kernel says of a sync_file. @kernel SYNC_IOC_FILE_INFO @rule SF-16 */
export interface SyncFileDetails {
  readonly name: string
  /** 0 pending, 1 signalled, negative errno: failed. Of the file's own fence. @rule SF-18 */
  readonly status: number
  /** The fences behind it: none where it is a chain that is done. @rule SF-15 */
  readonly fences: readonly FenceInfo[]
}

/**
 * What the kernel says of a sync_file, its fences too.
 *
 * @rule SF-13, SF-14
 * @throws {DmaBufError} EINVAL where the descriptor is no sync_file; EBADF; EAGAIN where its fences change all the time
 */
export function readSyncFile(fd: OwnedFd): SyncFileDetails {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const { name, status, fenceCount } = fileInfo(fd, 0)
    if (fenceCount > MAX_FENCES) break
    const array = new Uint8Array(fenceCount * SYNC_FENCE_INFO_BYTES)
    const found = fenceCount === 0 ? 0 : readFences(fd, array)
    // More by now than there was room for.
    if (found === undefined) continue
    const fences = Array.from({ length: found }, (_, index) => fenceAt(array, index))
    return { name, status, fences }
  }
  throw new DmaBufError('EAGAIN', 'file info', 'The fences of a sync file never stay the same')
}

/** The status alone, of the file's own fence: one call. @rule SF-18 */
export function readSyncFileStatus(fd: OwnedFd): number {
  return fileInfo(fd, 0).status
}

/**
 * A sync_file of the fences of two.
 *
 * @kernel SYNC_IOC_MERGE
 * @rule SF-10, SF-12
 * @returns owned
 */
export function mergeSyncFiles(one: OwnedFd, other: OwnedFd, name: string): OwnedFd {
  const bytes = encodeMergeData({ name, fd2: other.number, fence: 0, flags: 0, pad: 0 })
  ioctl(one, SYNC_IOC_MERGE, bytes, {
    operation: 'merge',
    message: () => 'Cannot merge two sync files',
  })
  return OwnedFd.adopt(decodeMergeData(bytes).fence)
}

/**
 * Hints by when the fence of a sync_file is wanted; nothing where the kernel has no such call (before 6.6).
 *
 * @kernel SYNC_IOC_SET_DEADLINE
 * @rule SF-20
 * @param deadlineNs - monotonic; what is no time of the future means now
 */
export function setSyncFileDeadline(fd: OwnedFd, deadlineNs: number): void {
  const bytes = encodeSetDeadline({ deadlineNs: kernelTime(deadlineNs), pad: 0n })
  native().ioctl(fd.number, SYNC_IOC_SET_DEADLINE, bytes)
}

function kernelTime(ns: number): bigint {
  if (!(ns > 0)) return 0n
  if (ns >= Number(MAX_DEADLINE_NS)) return MAX_DEADLINE_NS
  return BigInt(Math.trunc(ns))
}

function fileInfo(fd: OwnedFd, fenceCount: number): FileInfo {
  const bytes = encodedRequest(fenceCount)
  const result = native().ioctl(fd.number, SYNC_IOC_FILE_INFO, bytes)
  if (result >= 0) return decodeFileInfo(bytes)
  // Whatever another driver answers to a number that is not its own.
  const code = result === -EBADF ? 'EBADF' : 'EINVAL'
  const message = `The descriptor is no sync file: it answers ${errnoName(-result)}`
  throw new DmaBufError(code, 'file info', message, { rule: 'SF-3' })
}

// How many there are in the array; undefined where there was no room for all.
function readFences(fd: OwnedFd, array: Uint8Array): number | undefined {
  const room = array.length / SYNC_FENCE_INFO_BYTES
  const bytes = encodedRequest(room)
  const result = native().ioctl(fd.number, SYNC_IOC_FILE_INFO, bytes, [ARRAY_OFFSET, array])
  if (result === -EINVAL) return undefined
  if (result >= 0) return Math.min(room, decodeFileInfo(bytes).fenceCount)
  throw new DmaBufError(errnoName(-result), 'file info', 'Cannot read the fences of a sync file')
}

function encodedRequest(fenceCount: number): Uint8Array {
  const pad = 0
  return encodeFileInfo({ name: '', status: 0, flags: 0, fenceCount, pad, fencesAddress: 0n })
}

function fenceAt(array: Uint8Array, index: number): FenceInfo {
  const at = index * SYNC_FENCE_INFO_BYTES
  return decodeFenceInfo(array.subarray(at, at + SYNC_FENCE_INFO_BYTES))
}

const EBADF = 9
const EINVAL = 22
