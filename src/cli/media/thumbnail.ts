import { channelsOf, type Channel } from './channels.js'
import type { PictureSize } from './yu12.js'
import type { YuvFrame, YuvPicture } from './yuv.js'

/** A picture of `columns` by `rows` points as RGB bytes, row by row. */
export interface Thumbnail extends Grid {
  readonly rgb: Uint8Array
}

/** How many points a thumbnail has. */
export interface Grid {
  readonly columns: number
  readonly rows: number
}

/** At most this many pixels across and down are looked at for one point of a thumbnail. */
const SAMPLES_PER_SIDE = 4
const HD_HEIGHT_PIXELS = 720

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
  grid: Grid,
): Uint8Array {
  const { columns, rows } = grid
  const { kind, first, others } = channelsOf(picture.fourcc ?? 'YU12', planes)
  const channels = others === undefined ? [first, first, first] : [first, ...others]
  const samplers = channels.map((channel) => samplerOf(channel, picture, grid))
  const isGrey = others === undefined
  const mixes = (kind === 'rgb' || isGrey ? AS_THEY_ARE : mixesOf(picture)).map((mix) =>
    inIntegers(mix, samplers),
  )
  const rgb = new Uint8Array(columns * rows * 3)
  for (let row = 0; row < rows; row += 1) {
    for (const sampler of samplers) addUp(bytes, sampler, row)
    mixRow(samplers, mixes, rgb.subarray(3 * row * columns))
  }
  return rgb
}

/** Which bytes of a component are looked at, the same number for each point. */
interface Sampler {
  /** Where the rows to look at begin, `perRow` for each row of the grid. */
  readonly starts: Uint32Array
  readonly perRow: number
  /** What to look at in such a row, `perColumn` for each column of the grid. */
  readonly offsets: Uint32Array
  readonly perColumn: number
  /** What was seen for each point of one row. */
  readonly sums: Int32Array
}

function samplerOf(channel: Channel, { width, height }: PictureSize, grid: Grid): Sampler {
  const { offsetBytes, strideBytes, stepBytes, acrossShift, downShift } = channel
  const xs = samplePositions({ pixels: width, shift: acrossShift }, grid.columns)
  const ys = samplePositions({ pixels: height, shift: downShift }, grid.rows)
  return {
    starts: ys.map((y) => offsetBytes + y * strideBytes),
    perRow: ys.length / grid.rows,
    offsets: xs.map((x) => x * stepBytes),
    perColumn: xs.length / grid.columns,
    sums: new Int32Array(grid.columns),
  }
}

/** The samples to look at for each of `cellCount` cells that share a side; the same number for every cell. */
function samplePositions(
  side: { readonly pixels: number; readonly shift: number },
  cellCount: number,
): Uint32Array {
  const { pixels, shift } = side
  const most = Math.round((pixels >> shift) / cellCount)
  const perCell = Math.min(SAMPLES_PER_SIDE, Math.max(1, most))
  const step = pixels / (cellCount * perCell)
  const length = cellCount * perCell
  return Uint32Array.from({ length }, (_, index) => ((index + 0.5) * step) >> shift)
}

function addUp(bytes: Uint8Array, sampler: Sampler, row: number): void {
  const { starts, perRow, offsets, perColumn, sums } = sampler
  sums.fill(0)
  for (let y = row * perRow; y < (row + 1) * perRow; y += 1) {
    const start = starts[y]!
    for (let column = 0, at = 0; column < sums.length; column += 1) {
      let sum = sums[column]!
      for (const end = at + perColumn; at < end; at += 1) sum += bytes[start + offsets[at]!]!
      sums[column] = sum
    }
  }
}

/** How one colour is mixed: what of each component, and what is added. */
type Mix = readonly [number, number, number, number]

const AS_THEY_ARE: readonly Mix[] = [
  [1, 0, 0, 0],
  [0, 1, 0, 0],
  [0, 0, 1, 0],
]

/** Red, green and blue of Y, U and V. */
function mixesOf({ height, range, matrix }: YuvPicture): readonly Mix[] {
  const isHd = range === 'limited' && height >= HD_HEIGHT_PIXELS
  const isBt709 = (matrix ?? (isHd ? 'bt709' : 'bt601')) === 'bt709'
  const [red, blue] = isBt709 ? [0.2126, 0.0722] : [0.299, 0.114]
  const green = 1 - red - blue
  const [black, ofY, chroma] = range === 'full' ? [0, 1, 1] : [16, 255 / 219, 255 / 224]
  const redOfV = 2 * (1 - red) * chroma
  const blueOfU = 2 * (1 - blue) * chroma
  const mix = (ofU: number, ofV: number): Mix => [ofY, ofU, ofV, -black * ofY - 128 * (ofU + ofV)]
  return [mix(0, redOfV), mix((-blue / green) * blueOfU, (-red / green) * redOfV), mix(blueOfU, 0)]
}

/** Binary places of the integers that a colour is mixed in. */
const MIX_BITS = 16

/** The same of sums of samples, instead of their means: floating point is slow where a processor is emulated. */
function inIntegers([ofFirst, ofSecond, ofThird, added]: Mix, samplers: readonly Sampler[]): Mix {
  const [first = 1, second = 1, third = 1] = samplers.map(
    ({ perRow, perColumn }) => perRow * perColumn,
  )
  const scaled = (factor: number): number => Math.round(factor * (1 << MIX_BITS))
  return [
    scaled(ofFirst / first),
    scaled(ofSecond / second),
    scaled(ofThird / third),
    scaled(added + 0.5),
  ]
}

/** Writes one row of points. */
function mixRow(samplers: readonly Sampler[], mixes: readonly Mix[], target: Uint8Array): void {
  const [first, second, third] = samplers.map(({ sums }) => sums) as [
    Int32Array,
    Int32Array,
    Int32Array,
  ]
  const [red, green, blue] = mixes as [Mix, Mix, Mix]
  for (let column = 0, at = 0; column < first.length; column += 1, at += 3) {
    const [a, b, c] = [first[column]!, second[column]!, third[column]!]
    target[at] = mixed(red, a, b, c)
    target[at + 1] = mixed(green, a, b, c)
    target[at + 2] = mixed(blue, a, b, c)
  }
}

function mixed(mix: Mix, a: number, b: number, c: number): number {
  const sum = Math.imul(mix[0], a) + Math.imul(mix[1], b) + Math.imul(mix[2], c) + mix[3]
  return Math.max(0, Math.min(255, sum >> MIX_BITS))
}
