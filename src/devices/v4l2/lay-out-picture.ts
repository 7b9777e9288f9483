import { DmaBufError } from '../../core/errors.js'
import {
  MAX_SIDE_PIXELS,
  type FrameColor,
  type FrameFormat,
  type Plane,
} from '../../core/frame/format.js'
import { fourccText } from '../../uapi/videodev2.js'
import {
  V4L2_COLORSPACE_BT2020,
  V4L2_COLORSPACE_JPEG,
  V4L2_COLORSPACE_REC709,
  V4L2_QUANTIZATION_FULL_RANGE,
  V4L2_QUANTIZATION_LIM_RANGE,
  V4L2_YCBCR_ENC_709,
  V4L2_YCBCR_ENC_BT2020,
  type PlanePixFormat,
} from '../../uapi/videodev2-formats.js'
import { pixelFormat } from './pixel-formats.js'

/** A plane of a captured picture. */
export interface CapturePlane extends Plane {
  /** In which of the frame's buffers it lies; its offset is in there. */
  readonly bufferIndex: number
}

/** What a camera's pictures are, with the strides that its driver has chosen. */
export interface CaptureFormat extends FrameFormat {
  readonly planes: readonly CapturePlane[]
}

/** What a driver says of its pictures, whichever of the two structures said it. */
export interface DriverFormat {
  readonly width: number
  readonly height: number
  readonly pixelFormat: number
  readonly colorspace: number
  readonly ycbcrEncoding: number
  readonly quantization: number
  /** One for each piece of memory. */
  readonly pieces: readonly PlanePixFormat[]
}

/** What the driver's format is in our words. @throws {DmaBufError} EPROTO where it makes no sense */
export function layOutPicture(driver: DriverFormat): CaptureFormat {
  const { width, height, pieces } = driver
  const name = fourccText(driver.pixelFormat)
  const known = pixelFormat(name)
  checkSides(driver)
  const planes =
    known === undefined || known.planes.length === 0
      ? pieces.map(({ sizeImageBytes }, bufferIndex) => wholePiece(sizeImageBytes, bufferIndex))
      : known.planes.map((_, index) => rawPlane(driver, known.planes, index))
  for (const plane of planes) checkFits(plane, pieces)
  const fourcc = known?.fourcc ?? name
  const color = colorOf(driver)
  return { fourcc, width, height, planes, ...(color === undefined ? {} : { color }) }
}

/** The same picture where the driver put something before it. */
export function withDataOffsets(format: CaptureFormat, offsets: readonly number[]): CaptureFormat {
  if (offsets.every((offset) => offset === 0)) return format
  const planes = format.planes.map((plane) => ({
    ...plane,
    offsetBytes: plane.offsetBytes + (offsets[plane.bufferIndex] ?? 0),
  }))
  return { ...format, planes }
}

function wholePiece(lengthBytes: number, bufferIndex: number): CapturePlane {
  return { bufferIndex, offsetBytes: 0, strideBytes: lengthBytes, rowCount: 1 }
}

function rawPlane(
  { height, pieces }: DriverFormat,
  shapes: readonly (readonly [stride: number, rows: number])[],
  index: number,
): CapturePlane {
  const [divisor, rowDivisor] = shapes[index] ?? [1, 1]
  const rowCount = Math.ceil(height / rowDivisor)
  // Each its own piece, with its own stride; or all in one, and the driver tells the first plane's stride.
  if (pieces.length > 1)
    return {
      bufferIndex: index,
      offsetBytes: 0,
      strideBytes: pieces[index]?.bytesPerLine ?? 0,
      rowCount,
    }
  const stride = pieces[0]?.bytesPerLine ?? 0
  let offsetBytes = 0
  for (const [before, rowsBefore] of shapes.slice(0, index))
    offsetBytes += (stride / before) * Math.ceil(height / rowsBefore)
  return { bufferIndex: 0, offsetBytes, strideBytes: stride / divisor, rowCount }
}

function checkSides({ width, height }: DriverFormat): void {
  for (const side of [width, height])
    if (side < 1 || side > MAX_SIDE_PIXELS)
      throw new DmaBufError('EPROTO', 'format', `The driver says ${width}x${height} pixels`)
}

function checkFits(plane: CapturePlane, pieces: readonly PlanePixFormat[]): void {
  const { bufferIndex, offsetBytes, strideBytes, rowCount } = plane
  const sizeBytes = pieces[bufferIndex]?.sizeImageBytes ?? 0
  const end = offsetBytes + strideBytes * rowCount
  if (!Number.isInteger(strideBytes) || strideBytes < 1 || end > sizeBytes)
    throw new DmaBufError(
      'EPROTO',
      'format',
      `The driver says ${strideBytes} bytes a row, ${rowCount} rows from ${offsetBytes} in ${sizeBytes} bytes`,
    )
}

function colorOf({
  colorspace,
  ycbcrEncoding,
  quantization,
}: DriverFormat): FrameColor | undefined {
  const isJpeg = colorspace === V4L2_COLORSPACE_JPEG
  if (colorspace === 0) return undefined
  const is709 =
    ycbcrEncoding === V4L2_YCBCR_ENC_709 ||
    (ycbcrEncoding === 0 && colorspace === V4L2_COLORSPACE_REC709)
  const is2020 = ycbcrEncoding === V4L2_YCBCR_ENC_BT2020 || colorspace === V4L2_COLORSPACE_BT2020
  const isFull =
    quantization === V4L2_QUANTIZATION_FULL_RANGE ||
    (isJpeg && quantization !== V4L2_QUANTIZATION_LIM_RANGE)
  const matrix = is2020 ? 'bt2020' : is709 ? 'bt709' : 'bt601'
  return { range: isFull ? 'full' : 'limited', matrix }
}
