import { drmCommand } from './drm.js'
import { Struct } from './struct.js'

/** Size of `struct drm_syncobj_create`, and of `struct drm_syncobj_destroy`. */
export const SYNCOBJ_CREATE_BYTES = 8
/** Size of `struct drm_syncobj_handle`. */
export const SYNCOBJ_HANDLE_BYTES = 16
/** Size of `struct drm_syncobj_wait`. */
export const SYNCOBJ_WAIT_BYTES = 32
/** Size of `struct drm_syncobj_timeline_wait`; Linux 6.6 appended a deadline, which old kernels do without. */
export const SYNCOBJ_TIMELINE_WAIT_BYTES = 40
/** Size of `struct drm_syncobj_array`. */
export const SYNCOBJ_ARRAY_BYTES = 16
/** Size of `struct drm_syncobj_timeline_array`. */
export const SYNCOBJ_TIMELINE_ARRAY_BYTES = 24
/** Size of `struct drm_syncobj_transfer`. */
export const SYNCOBJ_TRANSFER_BYTES = 32
/** Size of `struct drm_syncobj_eventfd`. */
export const SYNCOBJ_EVENTFD_BYTES = 24

/** Makes a syncobj. */
export const DRM_IOCTL_SYNCOBJ_CREATE = drmCommand(0xbf, SYNCOBJ_CREATE_BYTES)
/** Forgets a handle of one. */
export const DRM_IOCTL_SYNCOBJ_DESTROY = drmCommand(0xc0, SYNCOBJ_CREATE_BYTES)
/** A descriptor of it, or a sync_file of its fence. */
export const DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD = drmCommand(0xc1, SYNCOBJ_HANDLE_BYTES)
/** A handle of a descriptor, or a sync_file's fence for a handle. */
export const DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE = drmCommand(0xc2, SYNCOBJ_HANDLE_BYTES)
/** Waits for fences. */
export const DRM_IOCTL_SYNCOBJ_WAIT = drmCommand(0xc3, SYNCOBJ_WAIT_BYTES)
/** Takes the fences away. */
export const DRM_IOCTL_SYNCOBJ_RESET = drmCommand(0xc4, SYNCOBJ_ARRAY_BYTES)
/** Puts a fence in that has signalled. */
export const DRM_IOCTL_SYNCOBJ_SIGNAL = drmCommand(0xc5, SYNCOBJ_ARRAY_BYTES)
/** Waits for points. */
export const DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT = drmCommand(0xca, SYNCOBJ_TIMELINE_WAIT_BYTES)
/** Tells how far timelines are. */
export const DRM_IOCTL_SYNCOBJ_QUERY = drmCommand(0xcb, SYNCOBJ_TIMELINE_ARRAY_BYTES)
/** Copies the fence of one point to another. */
export const DRM_IOCTL_SYNCOBJ_TRANSFER = drmCommand(0xcc, SYNCOBJ_TRANSFER_BYTES)
/** Signals points. */
export const DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL = drmCommand(0xcd, SYNCOBJ_TIMELINE_ARRAY_BYTES)
/** Rings an eventfd when a point is reached (Linux 6.6). */
export const DRM_IOCTL_SYNCOBJ_EVENTFD = drmCommand(0xcf, SYNCOBJ_EVENTFD_BYTES)

/** A new syncobj has signalled. */
export const DRM_SYNCOBJ_CREATE_SIGNALED = 1
/** The descriptor is a sync_file, whose fence is taken. */
export const DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE = 1
/** The descriptor is to be a sync_file. */
export const DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE = 1
/** For all, not for the first. */
export const DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL = 1
/** Also until there is a fence. */
export const DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT = 2
/** Until there is a fence, not until it signals. */
export const DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE = 4
/** The last point that has a fence, not the last that signalled. */
export const DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED = 1

/** `struct drm_syncobj_create`; of `struct drm_syncobj_destroy` the flags are padding. */
export interface SyncobjCreate {
  /** Out for the one, in for the other. */
  readonly handle: number
  /** DRM_SYNCOBJ_CREATE_SIGNALED, or 0. */
  readonly flags: number
}

/** The bytes of `struct drm_syncobj_create` and of `struct drm_syncobj_destroy`. */
export function encodeSyncobjCreate({ handle, flags }: SyncobjCreate): Uint8Array {
  return Struct.ofSize(SYNCOBJ_CREATE_BYTES).setU32(0, handle).setU32(4, flags).bytes
}

/** `struct drm_syncobj_create` of its bytes. */
export function decodeSyncobjCreate(bytes: Uint8Array): SyncobjCreate {
  const struct = Struct.over(bytes, SYNCOBJ_CREATE_BYTES)
  return { handle: struct.u32(0), flags: struct.u32(4) }
}

/** `struct drm_syncobj_handle`, without the point that Linux 6.16 appended. */
export interface SyncobjHandle {
  readonly handle: number
  readonly flags: number
  readonly fd: number
  readonly pad: number
}

/** The bytes of `struct drm_syncobj_handle`. */
export function encodeSyncobjHandle({ handle, flags, fd, pad }: SyncobjHandle): Uint8Array {
  return Struct.ofSize(SYNCOBJ_HANDLE_BYTES)
    .setU32(0, handle)
    .setU32(4, flags)
    .setS32(8, fd)
    .setU32(12, pad).bytes
}

/** `struct drm_syncobj_handle` of its bytes. */
export function decodeSyncobjHandle(bytes: Uint8Array): SyncobjHandle {
  const struct = Struct.over(bytes, SYNCOBJ_HANDLE_BYTES)
  return { handle: struct.u32(0), flags: struct.u32(4), fd: struct.s32(8), pad: struct.u32(12) }
}

/** What the two structures of waits have in common. */
export interface SyncobjWait {
  /** Monotonic, absolute; not after the longest time that 63 bits hold. */
  readonly timeoutNs: bigint
  readonly count: number
  /** DRM_SYNCOBJ_WAIT_FLAGS_…. */
  readonly flags: number
  /** Out: which of them, where one is enough. */
  readonly firstSignaled: number
  readonly pad: number
}

/** Where in both structures of waits the address of the handles is. */
export const SYNCOBJ_HANDLES_OFFSET = 0
/** Where in structures with points their address is. */
export const SYNCOBJ_POINTS_OFFSET = 8

/** The bytes of `struct drm_syncobj_wait`. */
export function encodeSyncobjWait(wait: SyncobjWait): Uint8Array {
  return putWait(Struct.ofSize(SYNCOBJ_WAIT_BYTES), 8, wait).bytes
}

/** `struct drm_syncobj_wait` of its bytes. */
export function decodeSyncobjWait(bytes: Uint8Array): SyncobjWait {
  return waitOf(Struct.over(bytes, SYNCOBJ_WAIT_BYTES), 8)
}

/** The bytes of `struct drm_syncobj_timeline_wait`. */
export function encodeSyncobjTimelineWait(wait: SyncobjWait): Uint8Array {
  return putWait(Struct.ofSize(SYNCOBJ_TIMELINE_WAIT_BYTES), 16, wait).bytes
}

/** `struct drm_syncobj_timeline_wait` of its bytes. */
export function decodeSyncobjTimelineWait(bytes: Uint8Array): SyncobjWait {
  return waitOf(Struct.over(bytes, SYNCOBJ_TIMELINE_WAIT_BYTES), 16)
}

function putWait(struct: Struct, at: number, wait: SyncobjWait): Struct {
  return struct
    .setU64(at, wait.timeoutNs)
    .setU32(at + 8, wait.count)
    .setU32(at + 12, wait.flags)
    .setU32(at + 16, wait.firstSignaled)
    .setU32(at + 20, wait.pad)
}

function waitOf(struct: Struct, at: number): SyncobjWait {
  return {
    timeoutNs: struct.u64(at),
    count: struct.u32(at + 8),
    flags: struct.u32(at + 12),
    firstSignaled: struct.u32(at + 16),
    pad: struct.u32(at + 20),
  }
}

/** `struct drm_syncobj_array`. */
export interface SyncobjArray {
  readonly count: number
  readonly pad: number
}

/** The bytes of `struct drm_syncobj_array`. */
export function encodeSyncobjArray({ count, pad }: SyncobjArray): Uint8Array {
  return Struct.ofSize(SYNCOBJ_ARRAY_BYTES).setU32(8, count).setU32(12, pad).bytes
}

/** `struct drm_syncobj_timeline_array`. */
export interface SyncobjTimelineArray {
  readonly count: number
  /** DRM_SYNCOBJ_QUERY_FLAGS_…. */
  readonly flags: number
}

/** The bytes of `struct drm_syncobj_timeline_array`. */
export function encodeSyncobjTimelineArray({ count, flags }: SyncobjTimelineArray): Uint8Array {
  return Struct.ofSize(SYNCOBJ_TIMELINE_ARRAY_BYTES).setU32(16, count).setU32(20, flags).bytes
}

/** `struct drm_syncobj_transfer`. */
export interface SyncobjTransfer {
  readonly source: number
  readonly target: number
  /** 0: it has no points. */
  readonly sourcePoint: bigint
  readonly targetPoint: bigint
  /** DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT, or 0. */
  readonly flags: number
  readonly pad: number
}

/** The bytes of `struct drm_syncobj_transfer`. */
export function encodeSyncobjTransfer(transfer: SyncobjTransfer): Uint8Array {
  return Struct.ofSize(SYNCOBJ_TRANSFER_BYTES)
    .setU32(0, transfer.source)
    .setU32(4, transfer.target)
    .setU64(8, transfer.sourcePoint)
    .setU64(16, transfer.targetPoint)
    .setU32(24, transfer.flags)
    .setU32(28, transfer.pad).bytes
}

/** `struct drm_syncobj_eventfd`. */
export interface SyncobjEventfd {
  readonly handle: number
  /** DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE, or 0. */
  readonly flags: number
  readonly point: bigint
  readonly fd: number
  readonly pad: number
}

/** The bytes of `struct drm_syncobj_eventfd`. */
export function encodeSyncobjEventfd(eventfd: SyncobjEventfd): Uint8Array {
  return Struct.ofSize(SYNCOBJ_EVENTFD_BYTES)
    .setU32(0, eventfd.handle)
    .setU32(4, eventfd.flags)
    .setU64(8, eventfd.point)
    .setS32(16, eventfd.fd)
    .setU32(20, eventfd.pad).bytes
}
