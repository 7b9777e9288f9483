import {
  decodeFormatDescription,
  decodeFrameInterval,
  decodeFrameSize,
  encodeFormatQuestion,
  encodeFrameIntervalQuestion,
  encodeFrameSizeQuestion,
  V4L2_FMT_FLAG_COMPRESSED,
  VIDIOC_ENUM_FMT,
  VIDIOC_ENUM_FRAMEINTERVALS,
  VIDIOC_ENUM_FRAMESIZES,
  type FrameSize,
} from '../../uapi/videodev2-formats.js'
import { fourccText } from '../../uapi/videodev2.js'
import { pixelFormat } from './pixel-formats.js'
import type { VideoNode } from './video-node.js'

/** A kind of picture that a camera offers. */
export interface OfferedFormat {
  /** DRM's name, to ask for; V4L2's where this package does not know the format. */
  readonly fourcc: string
  readonly v4l2Fourcc: string
  /** The driver's words. */
  readonly description: string
  readonly compressed: boolean
  /** A size is a range of one. Empty: the driver does not say. */
  readonly sizes: readonly FrameSize[]
}

/** A driver that never says that its list has ended is left alone after so many. */
const MAX_LISTED = 256

/** What a queue offers, in the driver's order. */
export function offeredFormats(node: VideoNode, type: number): OfferedFormat[] {
  const formats: OfferedFormat[] = []
  for (let index = 0; index < MAX_LISTED; index++) {
    const question = encodeFormatQuestion({ index, type })
    if (node.try(VIDIOC_ENUM_FMT, question) !== undefined) break
    const { pixelFormat: number, description, flags } = decodeFormatDescription(question)
    const v4l2Fourcc = fourccText(number)
    formats.push({
      fourcc: pixelFormat(v4l2Fourcc)?.fourcc ?? v4l2Fourcc,
      v4l2Fourcc,
      description,
      compressed: (flags & V4L2_FMT_FLAG_COMPRESSED) !== 0,
      sizes: frameSizes(node, number),
    })
  }
  return formats
}

function frameSizes(node: VideoNode, pixelFormat: number): FrameSize[] {
  const sizes: FrameSize[] = []
  for (let index = 0; index < MAX_LISTED; index++) {
    const question = encodeFrameSizeQuestion({ index, pixelFormat })
    if (node.try(VIDIOC_ENUM_FRAMESIZES, question) !== undefined) break
    sizes.push(decodeFrameSize(question))
  }
  return sizes
}

/** The frames a second of a size, the most first; empty where the driver does not say. */
export function frameRates(
  node: VideoNode,
  picture: { readonly pixelFormat: number; readonly width: number; readonly height: number },
): number[] {
  const rates = new Set<number>()
  for (let index = 0; index < MAX_LISTED; index++) {
    const question = encodeFrameIntervalQuestion({ index, ...picture })
    if (node.try(VIDIOC_ENUM_FRAMEINTERVALS, question) !== undefined) break
    const { shortest, longest } = decodeFrameInterval(question)
    for (const { numerator, denominator } of [shortest, longest])
      if (numerator > 0) rates.add(denominator / numerator)
  }
  return [...rates].sort((a, b) => b - a)
}
