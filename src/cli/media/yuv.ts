import type { ColorMatrix, ColorRange, PlaneLayout } from './media-source.js'
import { channelsOf, lumaRow, type Channel } from './channels.js'
import type { PictureSize } from './yu12.js'

/** Which picture a frame is. */
export interface FramePicture extends PictureSize {
  /** DRM's name of its format; YU12 where absent. */
  readonly fourcc?: string
}

/** How a picture's colours are to be understood; SourceFormat is one. */
export interface YuvPicture extends FramePicture {
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
 * A small RGB picture of a frame, made where the frame lies.
 *
 * Each point is the mean of at most 4 by 4 pixels of its box, so the work depends on the thumbnail's size only.
 *
 * @param planes - those of the format, inside `bytes`; borrowed
 * @param grid - size of the thumbnail, each 1 or more; larger than the picture repeats pixels
 * @returns columns * rows * 3 bytes
 */
export function drawThumbnail(
  { bytes, planes }: YuvFrame,
  picture: YuvPicture,
  { columns, rows }: Pick<Thumbnail, 'columns' | 'rows'>,
): Uint8Array {
  const { kind, first, others } = channelsOf(picture.fourcc ?? 'YU12', planes)
  const toRgb = kind === 'rgb' ? copyRgb : rgbConverter(picture)
  const samples = {
    xs: samplePositions(picture.width, columns),
    ys: samplePositions(picture.height, rows),
    columns,
    rows,
  }
  const a = means(bytes, first, samples)
  // Grey: chroma is in the middle.
  const grey = (): Float32Array => new Float32Array(columns * rows).fill(128)
  const b = others === undefined ? grey() : means(bytes, others[0], samples)
  const c = others === undefined ? b : means(bytes, others[1], samples)
  const rgb = new Uint8Array(columns * rows * 3)
  for (let cell = 0; cell < columns * rows; cell += 1)
    toRgb([a[cell]!, b[cell]!, c[cell]!], rgb, cell * 3)
  return rgb
}

/** The pixels to look at, the same number for each cell of a grid. */
interface Samples {
  readonly xs: Uint16Array
  readonly ys: Uint16Array
  readonly columns: number
  readonly rows: number
}

/** The mean of one component in each cell. */
function means(bytes: Uint8Array, channel: Channel, samples: Samples): Float32Array {
  const { offsetBytes, strideBytes, stepBytes, acrossShift, downShift } = channel
  const { xs, ys, columns, rows } = samples
  const [perColumn, perRow] = [xs.length / columns, ys.length / rows]
  const offsets = Uint32Array.from(xs, (x) => (x >> acrossShift) * stepBytes)
  const cells = new Float32Array(columns * rows)
  for (let sample = 0; sample < ys.length; sample += 1) {
    const start = offsetBytes + (ys[sample]! >> downShift) * strideBytes
    const cell = Math.floor(sample / perRow) * columns
    for (let column = 0, at = 0; column < columns; column += 1) {
      let sum = 0
      for (const end = at + perColumn; at < end; at += 1) sum += bytes[start + offsets[at]!]!
      cells[cell + column] = cells[cell + column]! + sum
    }
  }
  const count = perColumn * perRow
  for (let cell = 0; cell < cells.length; cell += 1) cells[cell] = cells[cell]! / count
  return cells
}

/** A frame's bytes and where its planes lie in them. */
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

const copyRgb: Convert = ([red, green, blue], rgb, index) => {
  rgb[index] = toByte(red)
  rgb[index + 1] = toByte(green)
  rgb[index + 2] = toByte(blue)
}

function toByte(value: number): number {
  return value <= 0 ? 0 : value >= 255 ? 255 : Math.round(value)
}

/**
 * How often each luma value occurs; every pixel counts, padding does not.
 *
 * @returns 256 counts, which add up to width * height
 */
export function lumaHistogram({ bytes, planes }: YuvFrame, picture: FramePicture): Uint32Array {
  const counts = new Uint32Array(256)
  const channels = channelsOf(picture.fourcc ?? 'YU12', planes)
  const scratch = new Uint8Array(picture.width)
  for (let row = 0; row < picture.height; row += 1) {
    const luma = lumaRow(bytes, channels, row, scratch)
    for (let index = 0; index < luma.length; index += 1) {
      const value = luma[index]!
      counts[value] = counts[value]! + 1
    }
  }
  return counts
}

/**
 * How much two frames of one format differ: the mean of |a - b| over their luma, 0 (same) … 255.
 *
 * Looks at every second pixel of every second row, a quarter of all, and copies no frame: both may be held.
 */
export function motion(a: YuvFrame, b: YuvFrame, picture: FramePicture): number {
  const fourcc = picture.fourcc ?? 'YU12'
  const { width, height } = picture
  const [channelsA, channelsB] = [channelsOf(fourcc, a.planes), channelsOf(fourcc, b.planes)]
  const [scratchA, scratchB] = [new Uint8Array(width), new Uint8Array(width)]
  let sum = 0
  for (let row = 0; row < height; row += MOTION_STEP_PIXELS) {
    const rowA = lumaRow(a.bytes, channelsA, row, scratchA)
    const rowB = lumaRow(b.bytes, channelsB, row, scratchB)
    for (let column = 0; column < width; column += MOTION_STEP_PIXELS)
      sum += Math.abs(rowA[column]! - rowB[column]!)
  }
  const columnCount = Math.ceil(width / MOTION_STEP_PIXELS)
  return sum / (columnCount * Math.ceil(height / MOTION_STEP_PIXELS))
}
