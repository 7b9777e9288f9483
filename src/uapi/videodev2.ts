import { ioctlCommand, IOC_READ, IOC_WRITE } from './ioctl.js'
import { Struct } from './struct.js'

/** A queue of pictures that come from a device, each in one piece of memory. */
export const V4L2_BUF_TYPE_VIDEO_CAPTURE = 1
/** The same, each in one piece or more. */
export const V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE = 9

/** Gives pictures. */
export const V4L2_CAP_VIDEO_CAPTURE = 0x1
/** Gives pictures in one piece of memory or more. */
export const V4L2_CAP_VIDEO_CAPTURE_MPLANE = 0x1000
/** Turns pictures into pictures: a codec or a scaler, no camera. */
export const V4L2_CAP_VIDEO_M2M_MPLANE = 0x4000
/** The same. */
export const V4L2_CAP_VIDEO_M2M = 0x8000
/** Takes pictures. */
export const V4L2_CAP_VIDEO_OUTPUT = 0x2
/** Takes pictures in one piece of memory or more. */
export const V4L2_CAP_VIDEO_OUTPUT_MPLANE = 0x2000
/** Reads teletext and the like. */
export const V4L2_CAP_VBI_CAPTURE = 0x10
/** Reads teletext and the like, decoded. */
export const V4L2_CAP_SLICED_VBI_CAPTURE = 0x40
/** Is a radio. */
export const V4L2_CAP_RADIO = 0x40000
/** Gives samples of a radio. */
export const V4L2_CAP_SDR_CAPTURE = 0x100000
/** Gives what a driver says about pictures. */
export const V4L2_CAP_META_CAPTURE = 0x800000
/** Takes such. */
export const V4L2_CAP_META_OUTPUT = 0x8000000
/** Is a touch pad. */
export const V4L2_CAP_TOUCH = 0x10000000
/** Has queues of buffers. */
export const V4L2_CAP_STREAMING = 0x4000000
/** `deviceCaps` is filled in. */
export const V4L2_CAP_DEVICE_CAPS = 0x80000000

/** Size of `struct v4l2_capability`. */
export const V4L2_CAPABILITY_BYTES = 104
/** Size of `struct v4l2_control`. */
export const V4L2_CONTROL_BYTES = 8

const magic = 'V'

/** Tells what a device is. */
export const VIDIOC_QUERYCAP = ioctlCommand({
  direction: IOC_READ,
  magic,
  number: 0,
  sizeBytes: V4L2_CAPABILITY_BYTES,
})
/** Tells the value of a control. */
export const VIDIOC_G_CTRL = ioctlCommand({
  direction: IOC_READ | IOC_WRITE,
  magic,
  number: 27,
  sizeBytes: V4L2_CONTROL_BYTES,
})
/** Sets a control. */
export const VIDIOC_S_CTRL = ioctlCommand({
  direction: IOC_READ | IOC_WRITE,
  magic,
  number: 28,
  sizeBytes: V4L2_CONTROL_BYTES,
})

/** `struct v4l2_capability`. */
export interface Capability {
  readonly driver: string
  readonly card: string
  readonly busInfo: string
  readonly version: number
  /** Of the device as a whole. */
  readonly capabilities: number
  /** Of this node; only with V4L2_CAP_DEVICE_CAPS. */
  readonly deviceCaps: number
}

/** `struct v4l2_capability` of its bytes. */
export function decodeCapability(bytes: Uint8Array): Capability {
  const struct = Struct.over(bytes, V4L2_CAPABILITY_BYTES)
  return {
    driver: struct.text(0, 16),
    card: struct.text(16, 32),
    busInfo: struct.text(48, 32),
    version: struct.u32(80),
    capabilities: struct.u32(84),
    deviceCaps: struct.u32(88),
  }
}

/** `struct v4l2_control`. */
export interface Control {
  readonly id: number
  readonly value: number
}

/** `struct v4l2_control` of its bytes. */
export function decodeControl(bytes: Uint8Array): Control {
  const struct = Struct.over(bytes, V4L2_CONTROL_BYTES)
  return { id: struct.u32(0), value: struct.s32(4) }
}

/** The bytes of `struct v4l2_control`. */
export function encodeControl({ id, value }: Control): Uint8Array {
  return Struct.ofSize(V4L2_CONTROL_BYTES).setU32(0, id).setS32(4, value).bytes
}

/** The number of a pixel format's four characters, the first in the lowest byte. @kernel v4l2_fourcc */
export function fourccNumber(text: string): number {
  let number = 0
  for (let i = 3; i >= 0; i--) number = (number << 8) | (text.charCodeAt(i) & 0xff)
  return number >>> 0
}

/** The four characters of a pixel format's number. Bit 31, which says big endian, is left out. */
export function fourccText(number: number): string {
  const characters = [0, 8, 16, 24].map(
    (shift) => (number >>> shift) & (shift === 24 ? 0x7f : 0xff),
  )
  return String.fromCharCode(...characters)
}
