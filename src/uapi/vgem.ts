import { drmCommand } from './drm.js'
import { IOC_WRITE } from './ioctl.js'
import { Struct } from './struct.js'

/** Size of `struct drm_vgem_fence_attach`. */
export const VGEM_FENCE_ATTACH_BYTES = 16
/** Size of `struct drm_vgem_fence_signal`. */
export const VGEM_FENCE_SIGNAL_BYTES = 8
/** The work that the fence stands for writes. */
export const VGEM_FENCE_WRITE = 1

/** Puts a new fence into a buffer. @rule VG-1 */
export const DRM_IOCTL_VGEM_FENCE_ATTACH = drmCommand(0x41, VGEM_FENCE_ATTACH_BYTES)
/** Signals it. @rule VG-2 */
export const DRM_IOCTL_VGEM_FENCE_SIGNAL = drmCommand(0x42, VGEM_FENCE_SIGNAL_BYTES, IOC_WRITE)

/** `struct drm_vgem_fence_attach`. */
export interface VgemFenceAttach {
  readonly handle: number
  /** VGEM_FENCE_WRITE, or 0. */
  readonly flags: number
  /** Out. */
  readonly fence: number
  readonly pad: number
}

/** The bytes of `struct drm_vgem_fence_attach`. */
export function encodeVgemFenceAttach(attach: VgemFenceAttach): Uint8Array {
  return Struct.ofSize(VGEM_FENCE_ATTACH_BYTES)
    .setU32(0, attach.handle)
    .setU32(4, attach.flags)
    .setU32(8, attach.fence)
    .setU32(12, attach.pad).bytes
}

/** `struct drm_vgem_fence_attach` of its bytes. */
export function decodeVgemFenceAttach(bytes: Uint8Array): VgemFenceAttach {
  const struct = Struct.over(bytes, VGEM_FENCE_ATTACH_BYTES)
  return {
    handle: struct.u32(0),
    flags: struct.u32(4),
    fence: struct.u32(8),
    pad: struct.u32(12),
  }
}

/** `struct drm_vgem_fence_signal`. */
export interface VgemFenceSignal {
  readonly fence: number
  readonly flags: number
}

/** The bytes of `struct drm_vgem_fence_signal`. */
export function encodeVgemFenceSignal({ fence, flags }: VgemFenceSignal): Uint8Array {
  return Struct.ofSize(VGEM_FENCE_SIGNAL_BYTES).setU32(0, fence).setU32(4, flags).bytes
}
