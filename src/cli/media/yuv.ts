import type { ColorMatrix, ColorRange, PlaneLayout } from './media-source.js'
import type { PictureSize } from './yu12.js'

/** How a YU12 picture is to be understood; SourceFormat is one. */
export interface YuvPicture extends PictureSize {
  readonly range: ColorRange
  /** Where it is missing: bt709 for limited range from 720 rows up, else bt601. */
  readonly matrix?: ColorMatrix | undefined
}

/** A picture of `columns` by `rows` points as RGB bytes, row by row. */
export interface Thumbnail {
  readonly columns: number
  readonly rows: number
  readonly rgb: Uint8Array
}

/** At most this many pixels across and down are looked at for one point of a thumbnail. */
const SAMPLES_PER_SIDE = 4
const HD_HEIGHT_PIXELS = 720

/** motion() looks at every second pixel of every second row. */
const MOTION_STEP_PIXELS = 2

/**
 * A small RGB picture of a YU12 frame, made where the frame lies.
 *
 * Each point is the mean of at most 4 by 4 pixels of its box, so the work depends on the thumbnail's size only.
 *
 * @param planes - Y, U, V inside `bytes`; borrowed
 * @param grid - size of the thumbnail, each 1 or more; larger than the picture repeats pixels
 * @returns columns * rows * 3 bytes
 */
export function drawThumbnail(
  { bytes, planes }: YuvFrame,
  picture: YuvPicture,
  { columns, rows }: Pick<Thumbnail, 'columns' | 'rows'>,
): Uint8Array {
  const [luma, u, v] = planes
  if (!luma || !u || !v) throw new RangeError(`YU12 has 3 planes: received ${planes.length}`)
  const toRgb = rgbConverter(picture)
  const rgb = new Uint8Array(columns * rows * 3)
  const columnSamples = samplePositions(picture.width, columns)
  const rowSamples = samplePositions(picture.height, rows)
  const perColumn = columnSamples.length / columns
  const perRow = rowSamples.length / rows
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      let [ySum, uSum, vSum] = [0, 0, 0]
      for (let r = row * perRow; r < (row + 1) * perRow; r += 1) {
        const y = rowSamples[r]!
        const lumaStart = luma.offsetBytes + y * luma.strideBytes
        const uStart = u.offsetBytes + (y >> 1) * u.strideBytes
        const vStart = v.offsetBytes + (y >> 1) * v.strideBytes
        for (let c = column * perColumn; c < (column + 1) * perColumn; c += 1) {
          const x = columnSamples[c]!
          ySum += bytes[lumaStart + x]!
          uSum += bytes[uStart + (x >> 1)]!
          vSum += bytes[vStart + (x >> 1)]!
        }
      }
      const count = perRow * perColumn
      toRgb([ySum / count, uSum / count, vSum / count], rgb, (row * columns + column) * 3)
    }
  }
  return rgb
}

/** A frame's bytes and where its three planes lie in them. */
export interface YuvFrame {
  readonly bytes: Uint8Array
  readonly planes: readonly PlaneLayout[]
}

/** The pixels to look at for each of `cellCount` cells that share a side; the same number for every cell. */
function samplePositions(sidePixels: number, cellCount: number): Uint16Array {
  const perCell = Math.min(SAMPLES_PER_SIDE, Math.max(1, Math.round(sidePixels / cellCount)))
  const step = sidePixels / (cellCount * perCell)
  return Uint16Array.from({ length: cellCount * perCell }, (_, index) => (index + 0.5) * step)
}

type Convert = (yuv: readonly [number, number, number], rgb: Uint8Array, index: number) => void

function rgbConverter({ height, range, matrix }: YuvPicture): Convert {
  const isHd = range === 'limited' && height >= HD_HEIGHT_PIXELS
  const isBt709 = (matrix ?? (isHd ? 'bt709' : 'bt601')) === 'bt709'
  const [red, blue] = isBt709 ? [0.2126, 0.0722] : [0.299, 0.114]
  const green = 1 - red - blue
  const [black, lumaScale, chromaScale] = range === 'full' ? [0, 1, 1] : [16, 255 / 219, 255 / 224]
  const redOfV = 2 * (1 - red) * chromaScale
  const blueOfU = 2 * (1 - blue) * chromaScale
  const greenOfU = (-blue / green) * blueOfU
  const greenOfV = (-red / green) * redOfV
  return ([y, u, v], rgb, index) => {
    const light = (y - black) * lumaScale
    rgb[index] = toByte(light + redOfV * (v - 128))
    rgb[index + 1] = toByte(light + greenOfU * (u - 128) + greenOfV * (v - 128))
    rgb[index + 2] = toByte(light + blueOfU * (u - 128))
  }
}

function toByte(value: number): number {
  return value <= 0 ? 0 : value >= 255 ? 255 : Math.round(value)
}

/**
 * How often each luma value occurs; every pixel counts, padding does not.
 *
 * @returns 256 counts, which add up to width * height
 */
export function lumaHistogram({ bytes, planes }: YuvFrame, size: PictureSize): Uint32Array {
  const counts = new Uint32Array(256)
  const [luma] = planes
  if (!luma) throw new RangeError('No luma plane')
  for (let row = 0; row < size.height; row += 1) {
    const start = luma.offsetBytes + row * luma.strideBytes
    const end = start + size.width
    for (let index = start; index < end; index += 1) {
      const value = bytes[index]!
      counts[value] = counts[value]! + 1
    }
  }
  return counts
}

/**
 * How much two frames of one format differ: the mean of |a - b| over their luma, 0 (same) … 255.
 *
 * Looks at every second pixel of every second row, a quarter of all, and copies nothing: both frames may be held.
 */
export function motion(a: YuvFrame, b: YuvFrame, size: PictureSize): number {
  const [lumaA] = a.planes
  const [lumaB] = b.planes
  if (!lumaA || !lumaB) throw new RangeError('No luma plane')
  const bytesA = a.bytes
  const bytesB = b.bytes
  let sum = 0
  for (let row = 0; row < size.height; row += MOTION_STEP_PIXELS) {
    const startA = lumaA.offsetBytes + row * lumaA.strideBytes
    const startB = lumaB.offsetBytes + row * lumaB.strideBytes
    for (let column = 0; column < size.width; column += MOTION_STEP_PIXELS) {
      sum += Math.abs(bytesA[startA + column]! - bytesB[startB + column]!)
    }
  }
  const columnCount = Math.ceil(size.width / MOTION_STEP_PIXELS)
  return sum / (columnCount * Math.ceil(size.height / MOTION_STEP_PIXELS))
}
