import { ioctlCommand, IOC_READ, IOC_WRITE } from './ioctl.js'
import { NAME_BYTES, Struct } from './struct.js'

/** Size of `struct sync_merge_data`. @rule SF-12 */
export const SYNC_MERGE_DATA_BYTES = 48
/** Size of `struct sync_file_info`. @rule SF-16 */
export const SYNC_FILE_INFO_BYTES = 56
/** Size of `struct sync_fence_info`. @rule SF-17 */
export const SYNC_FENCE_INFO_BYTES = 80
/** Size of `struct sync_set_deadline`. @rule SF-20 */
export const SYNC_SET_DEADLINE_BYTES = 16

const magic = '>'

/** Makes one sync_file of two. @rule SF-10 */
export const SYNC_IOC_MERGE = ioctlCommand({
  direction: IOC_READ | IOC_WRITE,
  magic,
  number: 3,
  sizeBytes: SYNC_MERGE_DATA_BYTES,
})
/** Tells what a sync_file waits for. @rule SF-13 */
export const SYNC_IOC_FILE_INFO = ioctlCommand({
  direction: IOC_READ | IOC_WRITE,
  magic,
  number: 4,
  sizeBytes: SYNC_FILE_INFO_BYTES,
})
/** Hints when a sync_file's fence will be missed. @rule SF-20 */
export const SYNC_IOC_SET_DEADLINE = ioctlCommand({
  direction: IOC_WRITE,
  magic,
  number: 5,
  sizeBytes: SYNC_SET_DEADLINE_BYTES,
})

/** `struct sync_merge_data`. @rule SF-12 */
export interface MergeData {
  /** At most 31 bytes; empty: the kernel makes a name. */
  readonly name: string
  /** The other sync_file. */
  readonly fd2: number
  /** Out: the new sync_file. */
  readonly fence: number
  readonly flags: number
  readonly pad: number
}

/** `struct sync_merge_data` of its bytes. */
export function decodeMergeData(bytes: Uint8Array): MergeData {
  const struct = Struct.over(bytes, SYNC_MERGE_DATA_BYTES)
  return {
    name: struct.name(0),
    fd2: struct.s32(32),
    fence: struct.s32(36),
    flags: struct.u32(40),
    pad: struct.u32(44),
  }
}

/** The bytes of `struct sync_merge_data`. */
export function encodeMergeData(data: MergeData): Uint8Array {
  return Struct.ofSize(SYNC_MERGE_DATA_BYTES)
    .setName(0, data.name)
    .setS32(32, data.fd2)
    .setS32(36, data.fence)
    .setU32(40, data.flags)
    .setU32(44, data.pad).bytes
}

/** Stores MERGE's result in the bytes that came in; all else stays, but the name's last byte is NUL. @rule SF-12 */
export function storeMergedFence(bytes: Uint8Array, fence: number): Uint8Array {
  const struct = Struct.over(bytes, SYNC_MERGE_DATA_BYTES).setS32(36, fence)
  bytes[NAME_BYTES] = 0
  return struct.bytes
}

/** `struct sync_file_info`. @rule SF-16 */
export interface FileInfo {
  readonly name: string
  /** 0 active, 1 signalled, negative errno: finished with an error. @rule SF-18 */
  readonly status: number
  readonly flags: number
  /** In: room in the array; out: leaves there are. */
  readonly fenceCount: number
  readonly pad: number
  /** Address of an array of `struct sync_fence_info`. */
  readonly fencesAddress: bigint
}

/** `struct sync_file_info` of its bytes. */
export function decodeFileInfo(bytes: Uint8Array | Struct): FileInfo {
  const struct = Struct.over(bytes, SYNC_FILE_INFO_BYTES)
  return {
    name: struct.name(0),
    status: struct.s32(32),
    flags: struct.u32(36),
    fenceCount: struct.u32(40),
    pad: struct.u32(44),
    fencesAddress: struct.u64(48),
  }
}

/** The status of `struct sync_file_info`, and how many fences it has, without the rest. */
export function decodeFileStatus(info: Struct): Pick<FileInfo, 'status' | 'fenceCount'> {
  return { status: info.s32(32), fenceCount: info.u32(40) }
}

/** The bytes of `struct sync_file_info`. */
export function encodeFileInfo(info: FileInfo): Uint8Array {
  return Struct.ofSize(SYNC_FILE_INFO_BYTES)
    .setName(0, info.name)
    .setS32(32, info.status)
    .setU32(36, info.flags)
    .setU32(40, info.fenceCount)
    .setU32(44, info.pad)
    .setU64(48, info.fencesAddress).bytes
}

/** `struct sync_fence_info`; its `flags` are always 0. @rule SF-17 */
export interface FenceInfo {
  readonly timelineName: string
  readonly driverName: string
  /** As that of the whole file. */
  readonly status: number
  /** Monotonic time of signalling; 0 until then. */
  readonly timestampNs: bigint
}

/** `struct sync_fence_info` of its bytes. */
export function decodeFenceInfo(bytes: Uint8Array): FenceInfo {
  const struct = Struct.over(bytes, SYNC_FENCE_INFO_BYTES)
  return {
    timelineName: struct.name(0),
    driverName: struct.name(32),
    status: struct.s32(64),
    timestampNs: struct.u64(72),
  }
}

/** The bytes of `struct sync_fence_info`. */
export function encodeFenceInfo(info: FenceInfo): Uint8Array {
  return Struct.ofSize(SYNC_FENCE_INFO_BYTES)
    .setName(0, info.timelineName)
    .setName(32, info.driverName)
    .setS32(64, info.status)
    .setU64(72, info.timestampNs).bytes
}

/** `struct sync_set_deadline`. @rule SF-20 */
export interface SetDeadline {
  /** Absolute, monotonic. */
  readonly deadlineNs: bigint
  readonly pad: bigint
}

/** `struct sync_set_deadline` of its bytes. */
export function decodeSetDeadline(bytes: Uint8Array): SetDeadline {
  const struct = Struct.over(bytes, SYNC_SET_DEADLINE_BYTES)
  return { deadlineNs: struct.u64(0), pad: struct.u64(8) }
}

/** The bytes of `struct sync_set_deadline`. */
export function encodeSetDeadline({ deadlineNs, pad }: SetDeadline): Uint8Array {
  return Struct.ofSize(SYNC_SET_DEADLINE_BYTES).setU64(0, deadlineNs).setU64(8, pad).bytes
}
