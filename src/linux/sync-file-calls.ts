import { DmaBufError, errnoName } from '../core/errors.js'
import {
  decodeFenceInfo,
  decodeFileInfo,
  decodeFileStatus,
  decodeMergeData,
  encodeFileInfo,
  encodeMergeData,
  encodeSetDeadline,
  SYNC_FENCE_INFO_BYTES,
  SYNC_FILE_INFO_BYTES,
  SYNC_IOC_FILE_INFO,
  SYNC_IOC_MERGE,
  SYNC_IOC_SET_DEADLINE,
  type FenceInfo,
  type FileInfo,
} from '../uapi/sync-file.js'
import { Struct } from '../uapi/struct.js'
import { ioctl } from './ioctl.js'
import { native } from './native.js'
import { OwnedFd } from './owned-fd.js'

/** Where the array's address is in `struct sync_file_info`. */
const ARRAY_OFFSET = 48

/** More fences than any driver puts into one file: 5 MB of answers. */
const MAX_FENCES = 65_536

const EINVAL = 22

const HOW_MANY = question(0)
const WHICH_ONE = question(1)

/** Question and answer. Calls are over when they return: one will do for all. */
const info = Struct.ofSize(SYNC_FILE_INFO_BYTES)

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
  // Most have one fence, whose status is that of the file: one call. Of several it would be that of the worst.
  const single = readFences(fd.number, 1)
  if (single?.fences.length === 1) return single
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const { status, fenceCount } = readStatus(fd.number)
    if (fenceCount > MAX_FENCES) break
    const details = readFences(fd.number, Math.max(fenceCount, 1))
    if (details !== undefined) return { ...details, status }
  }
  throw new DmaBufError('EAGAIN', 'file info', 'The fences of a sync file never stay the same')
}

/** The status alone, of the file's own fence: one call. @rule SF-18 */
export function readSyncFileStatus(fd: OwnedFd): number {
  return readStatus(fd.number).status
}

/**
 * Whether one fence at most is behind a sync_file, which has signalled without an error: one call, for descriptors
 * that nobody owns yet. An array of fences may not know that one of them failed: it has to be read.
 *
 * @rule SF-18
 * @param fd - borrowed
 */
export function isSyncFileOver(fd: number): boolean {
  if (askHowMany(fd) < 0) return false
  const { status, fenceCount } = decodeFileStatus(info)
  return status === 1 && fenceCount <= 1
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

function readStatus(fd: number): Pick<FileInfo, 'status' | 'fenceCount'> {
  const result = askHowMany(fd)
  return result < 0 ? refuse(result) : decodeFileStatus(info)
}

function askHowMany(fd: number): number {
  info.bytes.set(HOW_MANY)
  return native().ioctl(fd, SYNC_IOC_FILE_INFO, info.bytes)
}

// Undefined where there are more than there is room for.
function readFences(fd: number, room: number): SyncFileDetails | undefined {
  const array = new Uint8Array(room * SYNC_FENCE_INFO_BYTES)
  info.bytes.set(room === 1 ? WHICH_ONE : question(room))
  const result = native().ioctl(fd, SYNC_IOC_FILE_INFO, info.bytes, [ARRAY_OFFSET, array])
  if (result === -EINVAL) return undefined
  if (result < 0) return refuse(result)
  const { name, status, fenceCount } = decodeFileInfo(info)
  const length = Math.min(room, fenceCount)
  return { name, status, fences: Array.from({ length }, (_, index) => fenceAt(array, index)) }
}

// What is no error of sync files is what another driver answers to a number that is not its own.
function refuse(result: number): never {
  const answer = errnoName(-result)
  const isKnown = answer === 'EBADF' || answer === 'ENOMEM'
  const message = isKnown
    ? 'Cannot ask a sync file'
    : `The descriptor is no sync file: it answers ${answer}`
  throw new DmaBufError(isKnown ? answer : 'EINVAL', 'file info', message, { rule: 'SF-3' })
}

function question(fenceCount: number): Uint8Array {
  const pad = 0
  return encodeFileInfo({ name: '', status: 0, flags: 0, fenceCount, pad, fencesAddress: 0n })
}

function fenceAt(array: Uint8Array, index: number): FenceInfo {
  const at = index * SYNC_FENCE_INFO_BYTES
  return decodeFenceInfo(array.subarray(at, at + SYNC_FENCE_INFO_BYTES))
}
