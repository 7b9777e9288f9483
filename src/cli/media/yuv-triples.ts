import type { JpegPicture } from './jpeg-picture.js'
import type { PlaneLayout } from './media-source.js'

/** A decoded JPEG: Y, U and V of every pixel, row by row, chroma repeated for all pixels that it covers. */
export interface YuvTriples extends Pick<JpegPicture, 'width' | 'height' | 'chroma'> {
  /** 3 * width * height. */
  readonly triples: Uint8Array
}

/** One third of the triples: 0 Y, 1 U, 2 V. */
interface Channel extends YuvTriples {
  readonly channel: number
}

/**
 * Writes a decoded JPEG as YU12.
 *
 * Chroma that was halved before comes back unchanged; of any other, the mean of two by two pixels is taken.
 *
 * @param planes - fit the picture, see checkPlanes()
 */
export function writeYuvTriples(
  picture: YuvTriples,
  target: Uint8Array,
  planes: readonly PlaneLayout[],
): void {
  const writeChroma = { grey: fillChroma, halved: pickChroma, other: averageChroma }[picture.chroma]
  planes.forEach((plane, channel) => {
    if (channel === 0) writeLuma(picture, target, plane)
    else writeChroma({ ...picture, channel }, target, plane)
  })
}

function writeLuma(picture: YuvTriples, target: Uint8Array, plane: PlaneLayout): void {
  const { triples, width, height } = picture
  let from = 0
  for (let row = 0; row < height; row += 1) {
    const start = plane.offsetBytes + row * plane.strideBytes
    const end = start + width
    for (let to = start; to < end; to += 1) {
      target[to] = triples[from]!
      from += 3
    }
  }
}

function fillChroma(picture: Channel, target: Uint8Array, plane: PlaneLayout): void {
  const columnCount = (picture.width + 1) >> 1
  const rowCount = (picture.height + 1) >> 1
  for (let row = 0; row < rowCount; row += 1) {
    const start = plane.offsetBytes + row * plane.strideBytes
    target.fill(128, start, start + columnCount)
  }
}

function pickChroma(picture: Channel, target: Uint8Array, plane: PlaneLayout): void {
  const { triples, width, channel } = picture
  const columnCount = (width + 1) >> 1
  const rowCount = (picture.height + 1) >> 1
  for (let row = 0; row < rowCount; row += 1) {
    const start = plane.offsetBytes + row * plane.strideBytes
    const end = start + columnCount
    let from = 2 * row * width * 3 + channel
    for (let to = start; to < end; to += 1) {
      target[to] = triples[from]!
      from += 6
    }
  }
}

function averageChroma(picture: Channel, target: Uint8Array, plane: PlaneLayout): void {
  const { triples, width, height, channel } = picture
  const columnCount = (width + 1) >> 1
  const rowCount = (height + 1) >> 1
  for (let row = 0; row < rowCount; row += 1) {
    const start = plane.offsetBytes + row * plane.strideBytes
    // The last row and column of an odd size have no partner: they count twice.
    const upper = 2 * row * width
    const lower = Math.min(2 * row + 1, height - 1) * width
    for (let column = 0; column < columnCount; column += 1) {
      const left = 2 * column
      const right = Math.min(left + 1, width - 1)
      const above = triples[(upper + left) * 3 + channel]! + triples[(upper + right) * 3 + channel]!
      const below = triples[(lower + left) * 3 + channel]! + triples[(lower + right) * 3 + channel]!
      target[start + column] = (above + below + 2) >> 2
    }
  }
}
