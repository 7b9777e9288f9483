import { ioctlCommand, IOC_READ, IOC_WRITE } from './ioctl.js'
import { Struct } from './struct.js'

/** Everything of the DRM subsystem is numbered below this letter. @kernel DRM_IOCTL_BASE */
export const DRM_IOCTL_BASE = 'd'

const BOTH = IOC_READ | IOC_WRITE

/** An ioctl of the DRM subsystem whose argument goes in and comes back. @kernel DRM_IOWR */
export function drmCommand(number: number, sizeBytes: number, direction = BOTH): number {
  return ioctlCommand({ direction, magic: DRM_IOCTL_BASE, number, sizeBytes })
}

/** Size of `struct drm_version` where pointers have 8 bytes. */
export const DRM_VERSION_BYTES = 64
/** Size of `struct drm_get_cap`. */
export const DRM_GET_CAP_BYTES = 16
/** Size of `struct drm_gem_close`. */
export const DRM_GEM_CLOSE_BYTES = 8
/** Size of `struct drm_prime_handle`. */
export const DRM_PRIME_HANDLE_BYTES = 12

/** Tells the driver's name and version. */
export const DRM_IOCTL_VERSION = drmCommand(0x00, DRM_VERSION_BYTES)
/** Forgets a handle. */
export const DRM_IOCTL_GEM_CLOSE = drmCommand(0x09, DRM_GEM_CLOSE_BYTES, IOC_WRITE)
/** Asks what a device can do. */
export const DRM_IOCTL_GET_CAP = drmCommand(0x0c, DRM_GET_CAP_BYTES)
/** A dma-buf of a handle. */
export const DRM_IOCTL_PRIME_HANDLE_TO_FD = drmCommand(0x2d, DRM_PRIME_HANDLE_BYTES)
/** A handle of a dma-buf: the same one, uncounted, for the same buffer. */
export const DRM_IOCTL_PRIME_FD_TO_HANDLE = drmCommand(0x2e, DRM_PRIME_HANDLE_BYTES)

/** Whether there are dumb buffers. */
export const DRM_CAP_DUMB_BUFFER = 0x1
/** DRM_PRIME_CAP_IMPORT and DRM_PRIME_CAP_EXPORT. */
export const DRM_CAP_PRIME = 0x5
/** Whether there are syncobjs. */
export const DRM_CAP_SYNCOBJ = 0x13
/** Whether syncobjs have points. */
export const DRM_CAP_SYNCOBJ_TIMELINE = 0x14
/** Takes dma-bufs of others. */
export const DRM_PRIME_CAP_IMPORT = 1
/** Makes dma-bufs. */
export const DRM_PRIME_CAP_EXPORT = 2

/** The dma-buf's descriptor is closed where the process becomes another program. */
export const DRM_CLOEXEC = 0o2000000
/** The dma-buf may be mapped for writing. */
export const DRM_RDWR = 2

/** The numbers of `struct drm_version`, and how long its texts are. */
export interface DrmVersion {
  readonly major: number
  readonly minor: number
  readonly patchLevel: number
  /** In: room for the driver's name; out: its length. */
  readonly nameBytes: bigint
}

/** Where in `struct drm_version` the address of the name's room is. */
export const DRM_VERSION_NAME_OFFSET = 24

/** The bytes of `struct drm_version`: no room for the date and the description. */
export function encodeDrmVersion({ major, minor, patchLevel, nameBytes }: DrmVersion): Uint8Array {
  return Struct.ofSize(DRM_VERSION_BYTES)
    .setS32(0, major)
    .setS32(4, minor)
    .setS32(8, patchLevel)
    .setU64(16, nameBytes).bytes
}

/** `struct drm_version` of its bytes. */
export function decodeDrmVersion(bytes: Uint8Array): DrmVersion {
  const struct = Struct.over(bytes, DRM_VERSION_BYTES)
  return {
    major: struct.s32(0),
    minor: struct.s32(4),
    patchLevel: struct.s32(8),
    nameBytes: struct.u64(16),
  }
}

/** `struct drm_get_cap`. */
export interface DrmCap {
  /** In: DRM_CAP_…. */
  readonly capability: bigint
  /** Out. */
  readonly value: bigint
}

/** The bytes of `struct drm_get_cap`. */
export function encodeDrmCap({ capability, value }: DrmCap): Uint8Array {
  return Struct.ofSize(DRM_GET_CAP_BYTES).setU64(0, capability).setU64(8, value).bytes
}

/** `struct drm_get_cap` of its bytes. */
export function decodeDrmCap(bytes: Uint8Array): DrmCap {
  const struct = Struct.over(bytes, DRM_GET_CAP_BYTES)
  return { capability: struct.u64(0), value: struct.u64(8) }
}

/** `struct drm_gem_close`. */
export interface DrmGemClose {
  readonly handle: number
  readonly pad: number
}

/** The bytes of `struct drm_gem_close`. @param into - used again */
export function encodeDrmGemClose(
  { handle, pad }: DrmGemClose,
  into = Struct.ofSize(DRM_GEM_CLOSE_BYTES),
): Uint8Array {
  return into.setU32(0, handle).setU32(4, pad).bytes
}

/** `struct drm_prime_handle`. */
export interface DrmPrimeHandle {
  readonly handle: number
  /** Of the descriptor to be made: DRM_CLOEXEC, DRM_RDWR. */
  readonly flags: number
  readonly fd: number
}

/** The bytes of `struct drm_prime_handle`. @param into - used again */
export function encodeDrmPrimeHandle(
  { handle, flags, fd }: DrmPrimeHandle,
  into = Struct.ofSize(DRM_PRIME_HANDLE_BYTES),
): Uint8Array {
  return into.setU32(0, handle).setU32(4, flags).setS32(8, fd).bytes
}

/** `struct drm_prime_handle` of its bytes. */
export function decodeDrmPrimeHandle(bytes: Uint8Array | Struct): DrmPrimeHandle {
  const struct = Struct.over(bytes, DRM_PRIME_HANDLE_BYTES)
  return { handle: struct.u32(0), flags: struct.u32(4), fd: struct.s32(8) }
}
