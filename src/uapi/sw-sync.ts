// The kernel has no public header for these: the numbers and layouts are those that its test programs use.
import { ioctlCommand, IOC_READ, IOC_WRITE } from './ioctl.js'
import { Struct } from './struct.js'

/** Size of `struct sw_sync_create_fence_data`. @rule SW-2 */
export const SW_SYNC_CREATE_FENCE_DATA_BYTES = 40
/** Size of the argument of SW_SYNC_IOC_INC. @rule SW-6 */
export const SW_SYNC_INC_BYTES = 4
/** Size of `struct sw_sync_get_deadline`. @rule SW-8 */
export const SW_SYNC_GET_DEADLINE_BYTES = 16

const magic = 'W'

/** Makes a fence of a timeline. @rule SW-2 */
export const SW_SYNC_IOC_CREATE_FENCE = ioctlCommand({
  direction: IOC_READ | IOC_WRITE,
  magic,
  number: 0,
  sizeBytes: SW_SYNC_CREATE_FENCE_DATA_BYTES,
})
/** Lets a timeline advance. @rule SW-6 */
export const SW_SYNC_IOC_INC = ioctlCommand({
  direction: IOC_WRITE,
  magic,
  number: 1,
  sizeBytes: SW_SYNC_INC_BYTES,
})
/** Tells the earliest deadline of a fence. @rule SW-8 */
export const SW_SYNC_GET_DEADLINE = ioctlCommand({
  direction: IOC_READ | IOC_WRITE,
  magic,
  number: 2,
  sizeBytes: SW_SYNC_GET_DEADLINE_BYTES,
})

/** `struct sw_sync_create_fence_data`. */
export interface CreateFenceData {
  /** The fence's seqno, unsigned 32-bit. */
  readonly value: number
  /** Ignored. */
  readonly name: string
  /** Out: the new sync_file. */
  readonly fence: number
}

/** `struct sw_sync_create_fence_data` of its bytes. */
export function decodeCreateFenceData(bytes: Uint8Array): CreateFenceData {
  const struct = Struct.over(bytes, SW_SYNC_CREATE_FENCE_DATA_BYTES)
  return { value: struct.u32(0), name: struct.name(4), fence: struct.s32(36) }
}

/** The bytes of `struct sw_sync_create_fence_data`. */
export function encodeCreateFenceData({ value, name, fence }: CreateFenceData): Uint8Array {
  return Struct.ofSize(SW_SYNC_CREATE_FENCE_DATA_BYTES)
    .setU32(0, value)
    .setName(4, name)
    .setS32(36, fence).bytes
}

/** Stores CREATE_FENCE's result in the bytes that came in; all else stays. @rule SW-2 */
export function storeCreatedFence(bytes: Uint8Array, fence: number): Uint8Array {
  return Struct.over(bytes, SW_SYNC_CREATE_FENCE_DATA_BYTES).setS32(36, fence).bytes
}

/** The argument of SW_SYNC_IOC_INC: how far, unsigned 32-bit. */
export function decodeIncrement(bytes: Uint8Array): number {
  return Struct.over(bytes, SW_SYNC_INC_BYTES).u32(0)
}

/** The bytes of the argument of SW_SYNC_IOC_INC. */
export function encodeIncrement(amount: number): Uint8Array {
  return Struct.ofSize(SW_SYNC_INC_BYTES).setU32(0, amount).bytes
}

/** `struct sw_sync_get_deadline`. */
export interface GetDeadline {
  /** Out: the earliest deadline set; 0 on input. */
  readonly deadlineNs: bigint
  readonly pad: number
  /** The sync_file of the fence. */
  readonly fenceFd: number
}

/** `struct sw_sync_get_deadline` of its bytes. */
export function decodeGetDeadline(bytes: Uint8Array): GetDeadline {
  const struct = Struct.over(bytes, SW_SYNC_GET_DEADLINE_BYTES)
  return { deadlineNs: struct.u64(0), pad: struct.u32(8), fenceFd: struct.s32(12) }
}

/** The bytes of `struct sw_sync_get_deadline`. */
export function encodeGetDeadline({ deadlineNs, pad, fenceFd }: GetDeadline): Uint8Array {
  return Struct.ofSize(SW_SYNC_GET_DEADLINE_BYTES)
    .setU64(0, deadlineNs)
    .setU32(8, pad)
    .setS32(12, fenceFd).bytes
}
