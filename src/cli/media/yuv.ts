import type { ColorMatrix, ColorRange, PlaneLayout } from './media-source.js'
import { channelsOf, lumaRow, type LumaRow } from './channels.js'
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

/** A frame's bytes and where its planes lie in them. */
export interface YuvFrame {
  readonly bytes: Uint8Array
  readonly planes: readonly PlaneLayout[]
}

/** Every second pixel of every second row is looked at. */
const STEP_PIXELS = 2

/**
 * How often each luma value occurs, of every second pixel of every second row; padding does not count.
 *
 * @returns 256 counts, which add up to a quarter of the pixels; halves count as a whole
 */
export function lumaHistogram({ bytes, planes }: YuvFrame, picture: FramePicture): Uint32Array {
  const counts = new Uint32Array(256)
  const channels = channelsOf(picture.fourcc ?? 'YU12', planes)
  const scratch = new Uint8Array(picture.width)
  for (let row = 0; row < picture.height; row += STEP_PIXELS) {
    const { bytes: luma, start, step } = lumaRow(bytes, channels, row, scratch)
    const end = start + step * picture.width
    for (let at = start; at < end; at += STEP_PIXELS * step) {
      const value = luma[at]!
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
  const columnCount = Math.ceil(width / STEP_PIXELS)
  let sum = 0
  for (let row = 0; row < height; row += STEP_PIXELS) {
    const rowA = lumaRow(a.bytes, channelsA, row, scratchA)
    const rowB = lumaRow(b.bytes, channelsB, row, scratchB)
    sum += difference(rowA, rowB, columnCount)
  }
  return sum / (columnCount * Math.ceil(height / STEP_PIXELS))
}

function difference(a: LumaRow, b: LumaRow, count: number): number {
  const [stepA, stepB] = [STEP_PIXELS * a.step, STEP_PIXELS * b.step]
  let sum = 0
  for (let index = 0, atA = a.start, atB = b.start; index < count; index += 1) {
    sum += Math.abs(a.bytes[atA]! - b.bytes[atB]!)
    atA += stepA
    atB += stepB
  }
  return sum
}
