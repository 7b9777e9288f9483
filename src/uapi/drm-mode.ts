import { drmCommand } from './drm.js'
import { Struct } from './struct.js'

/** Size of `struct drm_mode_create_dumb`. */
export const DRM_MODE_CREATE_DUMB_BYTES = 32
/** Size of `struct drm_mode_map_dumb`. */
export const DRM_MODE_MAP_DUMB_BYTES = 16
/** Size of `struct drm_mode_destroy_dumb`. */
export const DRM_MODE_DESTROY_DUMB_BYTES = 4

/** Makes a buffer that any display could show. */
export const DRM_IOCTL_MODE_CREATE_DUMB = drmCommand(0xb2, DRM_MODE_CREATE_DUMB_BYTES)
/** Says at which offset of the device the buffer is mapped. */
export const DRM_IOCTL_MODE_MAP_DUMB = drmCommand(0xb3, DRM_MODE_MAP_DUMB_BYTES)
/** Forgets it. */
export const DRM_IOCTL_MODE_DESTROY_DUMB = drmCommand(0xb4, DRM_MODE_DESTROY_DUMB_BYTES)

/** `struct drm_mode_create_dumb`. */
export interface DrmCreateDumb {
  /** Rows of pixels. */
  readonly height: number
  /** Pixels of a row. */
  readonly width: number
  readonly bitsPerPixel: number
  readonly flags: number
  /** Out. */
  readonly handle: number
  /** Out: bytes of a row, with padding. */
  readonly pitchBytes: number
  /** Out. */
  readonly lengthBytes: bigint
}

/** The bytes of `struct drm_mode_create_dumb`. */
export function encodeDrmCreateDumb(dumb: DrmCreateDumb): Uint8Array {
  return Struct.ofSize(DRM_MODE_CREATE_DUMB_BYTES)
    .setU32(0, dumb.height)
    .setU32(4, dumb.width)
    .setU32(8, dumb.bitsPerPixel)
    .setU32(12, dumb.flags)
    .setU32(16, dumb.handle)
    .setU32(20, dumb.pitchBytes)
    .setU64(24, dumb.lengthBytes).bytes
}

/** `struct drm_mode_create_dumb` of its bytes. */
export function decodeDrmCreateDumb(bytes: Uint8Array): DrmCreateDumb {
  const struct = Struct.over(bytes, DRM_MODE_CREATE_DUMB_BYTES)
  return {
    height: struct.u32(0),
    width: struct.u32(4),
    bitsPerPixel: struct.u32(8),
    flags: struct.u32(12),
    handle: struct.u32(16),
    pitchBytes: struct.u32(20),
    lengthBytes: struct.u64(24),
  }
}

/** `struct drm_mode_map_dumb`. */
export interface DrmMapDumb {
  readonly handle: number
  readonly pad: number
  /** Out: where in the device's own descriptor it is mapped. */
  readonly offsetBytes: bigint
}

/** The bytes of `struct drm_mode_map_dumb`. */
export function encodeDrmMapDumb({ handle, pad, offsetBytes }: DrmMapDumb): Uint8Array {
  return Struct.ofSize(DRM_MODE_MAP_DUMB_BYTES)
    .setU32(0, handle)
    .setU32(4, pad)
    .setU64(8, offsetBytes).bytes
}

/** `struct drm_mode_map_dumb` of its bytes. */
export function decodeDrmMapDumb(bytes: Uint8Array): DrmMapDumb {
  const struct = Struct.over(bytes, DRM_MODE_MAP_DUMB_BYTES)
  return { handle: struct.u32(0), pad: struct.u32(4), offsetBytes: struct.u64(8) }
}

/** The bytes of `struct drm_mode_destroy_dumb`. */
export function encodeDrmDestroyDumb({ handle }: { readonly handle: number }): Uint8Array {
  return Struct.ofSize(DRM_MODE_DESTROY_DUMB_BYTES).setU32(0, handle).bytes
}
