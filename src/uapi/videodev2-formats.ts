import { ioctlCommand, IOC_READ, IOC_WRITE } from './ioctl.js'
import { readMembers, writeMembers, type Offsets } from './members.js'
import { Struct } from './struct.js'
import { V4L2_BUF_TYPE_VIDEO_CAPTURE, V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE } from './videodev2.js'

/** Pieces of memory that a picture has at most. */
export const VIDEO_MAX_PLANES = 8
/** Whole pictures, not halves of them. */
export const V4L2_FIELD_NONE = 1
/** Compressed: frames differ in length. */
export const V4L2_FMT_FLAG_COMPRESSED = 1
/** Made of another format by a library, not by the device. */
export const V4L2_FMT_FLAG_EMULATED = 2
/** One width and height. */
export const V4L2_FRMSIZE_TYPE_DISCRETE = 1
/** Any between two. */
export const V4L2_FRMSIZE_TYPE_CONTINUOUS = 2
/** Any between two, in steps. */
export const V4L2_FRMSIZE_TYPE_STEPWISE = 3
/** One interval between frames. */
export const V4L2_FRMIVAL_TYPE_DISCRETE = 1
/** The interval between frames can be set. */
export const V4L2_CAP_TIMEPERFRAME = 0x1000
/** Luma from 0 to 255. */
export const V4L2_QUANTIZATION_FULL_RANGE = 1
/** Luma from 16 to 235. */
export const V4L2_QUANTIZATION_LIM_RANGE = 2
/** Colours as in high definition. */
export const V4L2_COLORSPACE_REC709 = 3
/** Colours as in a JPEG: BT.601, luma from 0 to 255. */
export const V4L2_COLORSPACE_JPEG = 7
/** Colours of a screen. */
export const V4L2_COLORSPACE_SRGB = 8
/** Colours as in ultra high definition. */
export const V4L2_COLORSPACE_BT2020 = 10
/** The weights of BT.709. */
export const V4L2_YCBCR_ENC_709 = 2
/** The weights of BT.2020. */
export const V4L2_YCBCR_ENC_BT2020 = 6

/** Size of `struct v4l2_fmtdesc`. */
export const V4L2_FMTDESC_BYTES = 64
/** Size of `struct v4l2_frmsizeenum`. */
export const V4L2_FRMSIZEENUM_BYTES = 44
/** Size of `struct v4l2_frmivalenum`. */
export const V4L2_FRMIVALENUM_BYTES = 52
/** Size of `struct v4l2_format`. */
export const V4L2_FORMAT_BYTES = 208
/** Size of `struct v4l2_streamparm`. */
export const V4L2_STREAMPARM_BYTES = 204

function both(number: number, sizeBytes: number): number {
  return ioctlCommand({ direction: IOC_READ | IOC_WRITE, magic: 'V', number, sizeBytes })
}

/** Tells the n-th pixel format of a queue. */
export const VIDIOC_ENUM_FMT = both(2, V4L2_FMTDESC_BYTES)
/** Tells what the pictures are. */
export const VIDIOC_G_FMT = both(4, V4L2_FORMAT_BYTES)
/** Sets what the pictures are; the driver changes what it cannot do. */
export const VIDIOC_S_FMT = both(5, V4L2_FORMAT_BYTES)
/** Tells what S_FMT would make of it. */
export const VIDIOC_TRY_FMT = both(64, V4L2_FORMAT_BYTES)
/** Tells the interval between frames. */
export const VIDIOC_G_PARM = both(21, V4L2_STREAMPARM_BYTES)
/** Sets the interval between frames; the driver changes what it cannot do. */
export const VIDIOC_S_PARM = both(22, V4L2_STREAMPARM_BYTES)
/** Tells the n-th size of a pixel format. */
export const VIDIOC_ENUM_FRAMESIZES = both(74, V4L2_FRMSIZEENUM_BYTES)
/** Tells the n-th interval of a size. */
export const VIDIOC_ENUM_FRAMEINTERVALS = both(75, V4L2_FRMIVALENUM_BYTES)

/** `struct v4l2_fmtdesc`. */
export interface FormatDescription {
  readonly index: number
  readonly type: number
  readonly flags: number
  readonly description: string
  readonly pixelFormat: number
}

/** `struct v4l2_fmtdesc` of its bytes. */
export function decodeFormatDescription(bytes: Uint8Array): FormatDescription {
  const struct = Struct.over(bytes, V4L2_FMTDESC_BYTES)
  return {
    index: struct.u32(0),
    type: struct.u32(4),
    flags: struct.u32(8),
    description: struct.name(12),
    pixelFormat: struct.u32(44),
  }
}

/** The bytes of a question for the n-th format: `struct v4l2_fmtdesc`. */
export function encodeFormatQuestion({
  index,
  type,
}: Pick<FormatDescription, 'index' | 'type'>): Uint8Array {
  return Struct.ofSize(V4L2_FMTDESC_BYTES).setU32(0, index).setU32(4, type).bytes
}

const STEPWISE = {
  minWidth: 0,
  maxWidth: 4,
  stepWidth: 8,
  minHeight: 12,
  maxHeight: 16,
  stepHeight: 20,
} as const

/** `struct v4l2_frmsizeenum`: a size, or sizes from a least to a largest in steps. */
export type FrameSize = Readonly<Record<keyof typeof STEPWISE, number>>

/** The size or sizes of `struct v4l2_frmsizeenum`; one size is a range of one. */
export function decodeFrameSize(bytes: Uint8Array): FrameSize {
  const struct = Struct.over(bytes, V4L2_FRMSIZEENUM_BYTES)
  if (struct.u32(8) !== V4L2_FRMSIZE_TYPE_DISCRETE) return readMembers(struct, STEPWISE, 12)
  const [width, height] = [struct.u32(12), struct.u32(16)]
  return {
    minWidth: width,
    maxWidth: width,
    stepWidth: 1,
    minHeight: height,
    maxHeight: height,
    stepHeight: 1,
  }
}

/** The bytes of a question for the n-th size: `struct v4l2_frmsizeenum`. */
export function encodeFrameSizeQuestion(ask: {
  readonly index: number
  readonly pixelFormat: number
}): Uint8Array {
  return Struct.ofSize(V4L2_FRMSIZEENUM_BYTES).setU32(0, ask.index).setU32(4, ask.pixelFormat).bytes
}

/** `struct v4l2_fract`: seconds, where it is an interval. */
export interface Fraction {
  readonly numerator: number
  readonly denominator: number
}

/** The shortest interval of `struct v4l2_frmivalenum`, and the longest; the same where there is one. */
export function decodeFrameInterval(bytes: Uint8Array): {
  readonly shortest: Fraction
  readonly longest: Fraction
} {
  const struct = Struct.over(bytes, V4L2_FRMIVALENUM_BYTES)
  const shortest = fraction(struct, 20)
  const isOne = struct.u32(16) === V4L2_FRMIVAL_TYPE_DISCRETE
  return { shortest, longest: isOne ? shortest : fraction(struct, 28) }
}

function fraction(struct: Struct, offset: number): Fraction {
  return { numerator: struct.u32(offset), denominator: struct.u32(offset + 4) }
}

const INTERVAL_QUESTION = { index: 0, pixelFormat: 4, width: 8, height: 12 } as const

/** The bytes of a question for the n-th interval of a size: `struct v4l2_frmivalenum`. */
export function encodeFrameIntervalQuestion(
  ask: Readonly<Record<keyof typeof INTERVAL_QUESTION, number>>,
): Uint8Array {
  return writeMembers(Struct.ofSize(V4L2_FRMIVALENUM_BYTES), INTERVAL_QUESTION, ask).bytes
}

/** Where the union of `struct v4l2_format` begins: aligned for the pointers in one of its structures. */
const FMT = 8

const PIX = {
  width: 0,
  height: 4,
  pixelFormat: 8,
  field: 12,
  bytesPerLine: 16,
  sizeImageBytes: 20,
  colorspace: 24,
  priv: 28,
  flags: 32,
  ycbcrEncoding: 36,
  quantization: 40,
  transferFunction: 44,
} as const

/** `struct v4l2_pix_format`. */
export type PixFormat = Readonly<Record<keyof typeof PIX, number>>

/** The `pix` of `struct v4l2_format`. */
export function decodePixFormat(bytes: Uint8Array): PixFormat {
  return readMembers(Struct.over(bytes, V4L2_FORMAT_BYTES), PIX, FMT)
}

/** The bytes of `struct v4l2_format` for V4L2_BUF_TYPE_VIDEO_CAPTURE. */
export function encodePixFormat(pix: PixFormat): Uint8Array {
  const struct = encodeFormatType(V4L2_BUF_TYPE_VIDEO_CAPTURE)
  return writeMembers(new Struct(struct), PIX, pix, FMT).bytes
}

/** The bytes of a question for the format of a queue: `struct v4l2_format` with its type only. */
export function encodeFormatType(type: number): Uint8Array {
  return Struct.ofSize(V4L2_FORMAT_BYTES).setU32(0, type).bytes
}

const PIX_MP = { width: 0, height: 4, pixelFormat: 8, field: 12, colorspace: 16 } as const
const PIX_MP_BYTES = {
  planeCount: 180,
  flags: 181,
  ycbcrEncoding: 182,
  quantization: 183,
  transferFunction: 184,
} as const
const PLANE_FORMAT: Offsets<'sizeImageBytes' | 'bytesPerLine'> = {
  sizeImageBytes: 0,
  bytesPerLine: 4,
}
const PLANES_AT = 20
const PLANE_FORMAT_BYTES = 20

/** `struct v4l2_plane_pix_format`. */
export interface PlanePixFormat {
  readonly sizeImageBytes: number
  readonly bytesPerLine: number
}

/** `struct v4l2_pix_format_mplane`. */
export interface PixFormatMplane extends Readonly<
  Record<keyof typeof PIX_MP | Exclude<keyof typeof PIX_MP_BYTES, 'planeCount'>, number>
> {
  /** One for each piece of memory, at most VIDEO_MAX_PLANES. */
  readonly planes: readonly PlanePixFormat[]
}

/** The `pix_mp` of `struct v4l2_format`. */
export function decodePixFormatMplane(bytes: Uint8Array): PixFormatMplane {
  const struct = Struct.over(bytes, V4L2_FORMAT_BYTES)
  const at = (name: keyof typeof PIX_MP_BYTES): number => struct.u8(FMT + PIX_MP_BYTES[name])
  const count = Math.min(at('planeCount'), VIDEO_MAX_PLANES)
  return {
    ...readMembers(struct, PIX_MP, FMT),
    flags: at('flags'),
    ycbcrEncoding: at('ycbcrEncoding'),
    quantization: at('quantization'),
    transferFunction: at('transferFunction'),
    planes: Array.from({ length: count }, (_, index) =>
      readMembers(struct, PLANE_FORMAT, FMT + PLANES_AT + index * PLANE_FORMAT_BYTES),
    ),
  }
}

/** The bytes of `struct v4l2_format` for V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE. @throws {RangeError} for too many planes */
export function encodePixFormatMplane(pix: PixFormatMplane): Uint8Array {
  if (pix.planes.length > VIDEO_MAX_PLANES)
    throw new RangeError(`A format has at most ${VIDEO_MAX_PLANES} planes: ${pix.planes.length}`)
  const struct = new Struct(encodeFormatType(V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE))
  writeMembers(struct, PIX_MP, pix, FMT)
  pix.planes.forEach((plane, index) => {
    writeMembers(struct, PLANE_FORMAT, plane, FMT + PLANES_AT + index * PLANE_FORMAT_BYTES)
  })
  const bytes = { ...pix, planeCount: pix.planes.length }
  for (const [name, offset] of Object.entries(PIX_MP_BYTES))
    struct.setU8(FMT + offset, bytes[name as keyof typeof PIX_MP_BYTES])
  return struct.bytes
}

const CAPTURE_PARM = {
  type: 0,
  capability: 4,
  captureMode: 8,
  numerator: 12,
  denominator: 16,
  extendedMode: 20,
  readBuffers: 24,
} as const

/** `struct v4l2_streamparm` of a capture queue: the interval between frames, in seconds, and what goes with it. */
export type CaptureParameters = Readonly<Record<keyof typeof CAPTURE_PARM, number>>

/** `struct v4l2_streamparm` of its bytes. */
export function decodeCaptureParameters(bytes: Uint8Array): CaptureParameters {
  return readMembers(Struct.over(bytes, V4L2_STREAMPARM_BYTES), CAPTURE_PARM)
}

/** The bytes of `struct v4l2_streamparm`. */
export function encodeCaptureParameters(parameters: CaptureParameters): Uint8Array {
  return writeMembers(Struct.ofSize(V4L2_STREAMPARM_BYTES), CAPTURE_PARM, parameters).bytes
}
