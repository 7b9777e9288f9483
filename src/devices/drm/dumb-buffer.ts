import type { DmaBuf } from '../../core/buffer/buffer.js'
import { importFd } from '../../linux/buffer-fd.js'
import { checkHeapLimit } from '../../linux/heap-limit.js'
import {
  decodeDrmCreateDumb,
  DRM_IOCTL_MODE_CREATE_DUMB,
  DRM_IOCTL_MODE_DESTROY_DUMB,
  encodeDrmCreateDumb,
  encodeDrmDestroyDumb,
} from '../../uapi/drm-mode.js'
import type { DrmNode } from './drm-node.js'
import type { GemHandles } from './gem-handles.js'

const MAX_U32 = 2 ** 32 - 1

/** What a dumb buffer is to be. */
export interface DumbBufferOptions {
  /** Pixels of a row. */
  readonly width: number
  /** Rows. */
  readonly height: number
  /** 32 where absent. */
  readonly bitsPerPixel?: number
  /** Bytes, a limit of your own; half of the memory that is available where absent. */
  readonly maxLengthBytes?: number
}

/** A buffer of plain pixels that a device made, and how they lie in it. */
export interface DumbBuffer {
  /** Owned: close it. A real dma-buf, which outlives the device's node. */
  readonly buffer: DmaBuf
  /** From the start of one row to that of the next. */
  readonly pitchBytes: number
  /** Whole pages. */
  readonly lengthBytes: number
}

/** Makes one, as a dma-buf: the device's handle is given back at once. */
export function createDumbBuffer(
  node: DrmNode,
  handles: GemHandles,
  { width, height, bitsPerPixel = 32, maxLengthBytes }: DumbBufferOptions,
): DumbBuffer {
  for (const [name, value] of Object.entries({ width, height, bitsPerPixel }))
    if (!Number.isInteger(value) || value < 1 || value > MAX_U32)
      throw new RangeError(`${name} must be an integer from 1 to ${MAX_U32}: ${value}`)
  checkHeapLimit(Math.ceil((width * bitsPerPixel) / 8) * height, maxLengthBytes)
  const none = { flags: 0, handle: 0, pitchBytes: 0, lengthBytes: 0n }
  const bytes = encodeDrmCreateDumb({ width, height, bitsPerPixel, ...none })
  node.call(DRM_IOCTL_MODE_CREATE_DUMB, bytes, 'Cannot make a dumb buffer (a card can)')
  const { handle, pitchBytes, lengthBytes } = decodeDrmCreateDumb(bytes)
  try {
    const buffer = importFd(handles.export(handle), { access: 'readwrite' })
    return { buffer, pitchBytes, lengthBytes: Number(lengthBytes) }
  } finally {
    node.call(DRM_IOCTL_MODE_DESTROY_DUMB, encodeDrmDestroyDumb({ handle }), 'Cannot let go')
  }
}
