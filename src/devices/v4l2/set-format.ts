import { DmaBufError } from '../../core/errors.js'
import {
  V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
  fourccNumber,
  fourccText,
} from '../../uapi/videodev2.js'
import {
  decodeCaptureParameters,
  decodePixFormat,
  decodePixFormatMplane,
  encodeCaptureParameters,
  encodeFormatType,
  encodePixFormat,
  encodePixFormatMplane,
  V4L2_CAP_TIMEPERFRAME,
  V4L2_FIELD_NONE,
  VIDIOC_G_FMT,
  VIDIOC_G_PARM,
  VIDIOC_S_FMT,
  VIDIOC_S_PARM,
  VIDIOC_TRY_FMT,
} from '../../uapi/videodev2-formats.js'
import type { DriverFormat } from './lay-out-picture.js'
import { frameRates, offeredFormats, type OfferedFormat } from './node-formats.js'
import { chooseFormat, pixelFormat } from './pixel-formats.js'
import type { VideoNode } from './video-node.js'

/** What somebody wants of a camera; what is absent stays as the driver has it. */
export interface WantedPicture {
  /** DRM's name, or V4L2's; the one that is easiest to use where absent. */
  readonly fourcc?: string | undefined
  readonly width?: number | undefined
  readonly height?: number | undefined
}

/**
 * Sets what a camera's pictures are.
 *
 * @throws {DmaBufError} EINVAL where the camera does not offer it, saying what it does; EBUSY, saying who uses it
 */
export function setFormat(node: VideoNode, type: number, wanted: WantedPicture): DriverFormat {
  const offered = offeredFormats(node, type)
  const name = chooseFormat(
    offered.map(({ v4l2Fourcc }) => v4l2Fourcc),
    wanted.fourcc,
  )
  if (name === undefined) throw notOffered(node, wanted, offered)
  const question = new FormatQuestion(node, type)
  question.ask(VIDIOC_G_FMT, encodeFormatType(type))
  const now = question.answer
  const { width = now.width, height = now.height } = wanted
  const pixelFormat = fourccNumber(name)
  const request = question.request({ width, height, pixelFormat })
  // Asked first, so that a refusal leaves the camera as it was.
  question.ask(VIDIOC_TRY_FMT, request.slice())
  check(node, { ...wanted, fourcc: name }, question.answer, offered)
  question.ask(VIDIOC_S_FMT, request)
  check(node, { ...wanted, fourcc: name }, question.answer, offered)
  return question.answer
}

type Size = Pick<DriverFormat, 'width' | 'height' | 'pixelFormat'>

/** G_FMT, TRY_FMT and S_FMT of a queue, whichever of the two structures it has. */
class FormatQuestion {
  readonly #node: VideoNode
  readonly #isSplit: boolean
  #bytes: Uint8Array = new Uint8Array(0)

  constructor(node: VideoNode, type: number) {
    this.#node = node
    this.#isSplit = type === V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE
  }

  ask(request: number, bytes: Uint8Array): void {
    this.#node.call(request, bytes, 'set the format of')
    this.#bytes = bytes
  }

  /** The last answer with another size, the strides left to the driver. */
  request(size: Size): Uint8Array {
    const changes = { ...size, field: V4L2_FIELD_NONE }
    return this.#isSplit
      ? encodePixFormatMplane({
          ...decodePixFormatMplane(this.#bytes),
          ...changes,
          planes: [],
        })
      : encodePixFormat({
          ...decodePixFormat(this.#bytes),
          ...changes,
          bytesPerLine: 0,
          sizeImageBytes: 0,
        })
  }

  get answer(): DriverFormat {
    if (this.#isSplit) {
      const format = decodePixFormatMplane(this.#bytes)
      return { ...format, pieces: format.planes }
    }
    const format = decodePixFormat(this.#bytes)
    return { ...format, pieces: [format] }
  }
}

function check(
  node: VideoNode,
  wanted: WantedPicture,
  got: DriverFormat,
  offered: readonly OfferedFormat[],
): void {
  const name = fourccText(got.pixelFormat)
  if (name !== wanted.fourcc) throw notOffered(node, wanted, offered)
  const { width = got.width, height = got.height } = wanted
  if (width === got.width && height === got.height) return
  throw new DmaBufError(
    'EINVAL',
    'format',
    `${node.path} has no ${name} pictures of ${width}x${height}: the nearest are ${got.width}x${got.height}`,
    { details: { path: node.path, width: got.width, height: got.height } },
  )
}

function notOffered(
  node: VideoNode,
  wanted: WantedPicture,
  offered: readonly OfferedFormat[],
): DmaBufError {
  const names = [...new Set(offered.map(({ fourcc }) => fourcc))]
  const known = [
    ...new Set(offered.flatMap(({ v4l2Fourcc }) => pixelFormat(v4l2Fourcc)?.fourcc ?? [])),
  ]
  const others = names.length - known.length
  const list =
    (known.join(', ') || 'none that is known here') + (others > 0 ? ` and ${others} others` : '')
  return new DmaBufError(
    'EINVAL',
    'format',
    `${node.path} does not give ${wanted.fourcc ?? 'a format that is known here'}: it offers ${list}`,
    { details: { path: node.path, offered: names } },
  )
}

/**
 * Asks for a frame rate, or only for what it is.
 *
 * @returns frames a second, what the driver made of it; undefined where it does not say
 * @throws {DmaBufError} EINVAL where it is not possible, saying what is
 */
export function setFrameRate(
  node: VideoNode,
  type: number,
  wanted: { readonly framesPerSecond: number | undefined; readonly format: DriverFormat },
): number | undefined {
  const bytes = encodeCaptureParameters({
    ...{ type, capability: 0, captureMode: 0, numerator: 0, denominator: 0 },
    ...{ extendedMode: 0, readBuffers: 0 },
  })
  const { framesPerSecond } = wanted
  const now =
    node.try(VIDIOC_G_PARM, bytes) === undefined ? decodeCaptureParameters(bytes) : undefined
  if (framesPerSecond === undefined) return now === undefined ? undefined : rateOf(now)
  if (now === undefined || (now.capability & V4L2_CAP_TIMEPERFRAME) === 0)
    throw rateRefused(node, wanted.format, framesPerSecond)
  const denominator = Math.round(framesPerSecond * 1000)
  const request = encodeCaptureParameters({ ...now, numerator: 1000, denominator })
  node.call(VIDIOC_S_PARM, request, 'set the frame rate of')
  const rate = rateOf(decodeCaptureParameters(request))
  if (rate === undefined || Math.abs(rate - framesPerSecond) > 0.01 * framesPerSecond)
    throw rateRefused(node, wanted.format, framesPerSecond)
  return rate
}

function rateOf({
  numerator,
  denominator,
}: {
  readonly numerator: number
  readonly denominator: number
}): number | undefined {
  return numerator > 0 && denominator > 0 ? denominator / numerator : undefined
}

function rateRefused(node: VideoNode, format: DriverFormat, wanted: number): DmaBufError {
  const rates = frameRates(node, format).map((rate) => Number(rate.toFixed(2)))
  const offers = rates.length > 0 ? `: it offers ${rates.join(', ')}` : ''
  return new DmaBufError(
    'EINVAL',
    'frameRate',
    `${node.path} does not give ${wanted} frames a second${offers}`,
    { details: { path: node.path, offered: rates } },
  )
}
