import { encode } from 'fast-png'
import { drawThumbnail, type Grid } from './thumbnail.js'
import type { YuvFrame, YuvPicture } from './yuv.js'

/** How many pictures a sheet has, if the clip has as many frames. */
export const MAX_PICTURES = 16

/** So that MAX_PICTURES of them, picked evenly, are never far from even. */
const MAX_COLLECTED = 2 * MAX_PICTURES

const THUMBNAIL_SIDE_PIXELS = 320
const MARGIN_PIXELS = 12
const BACKGROUND_RGB = [22, 24, 29] as const

/** Full rectangles only: [pictures, columns]. The largest that the collected pictures fill is taken. */
const GRIDS = [
  [16, 4],
  [12, 4],
  [9, 3],
  [8, 4],
  [6, 3],
  [4, 2],
  [3, 3],
  [2, 2],
  [1, 1],
] as const

/**
 * Collects small pictures of a clip, spread evenly over its length, and lays them out as one PNG.
 *
 * The length is not known in advance and memory is bounded: every frame is taken at first; when enough are collected,
 * every second picture goes, and from then on only every second frame is taken, and so on.
 */
export class ContactSheet {
  readonly #format: YuvPicture
  readonly #grid: Grid
  #thumbnails: Uint8Array[] = []
  #offeredCount = 0
  #stepFrames = 1

  /** @param format - of all frames that will be offered */
  constructor(format: YuvPicture) {
    this.#format = format
    const side = Math.max(format.width, format.height)
    const scale = Math.min(1, THUMBNAIL_SIDE_PIXELS / side)
    const scaled = (pixels: number) => Math.max(1, Math.round(pixels * scale))
    this.#grid = { columns: scaled(format.width), rows: scaled(format.height) }
  }

  /** How many pictures are kept now, 0 … 2 * MAX_PICTURES. */
  get collectedCount(): number {
    return this.#thumbnails.length
  }

  /**
   * The next frame of the clip; its picture is drawn if it is its turn. Call it with every frame.
   *
   * @param frame - borrowed: held, and read before this returns
   * @returns if the frame was taken
   */
  offer(frame: YuvFrame): boolean {
    const isTurn = this.#offeredCount % this.#stepFrames === 0
    this.#offeredCount += 1
    if (!isTurn) return false
    if (this.#thumbnails.length === MAX_COLLECTED) {
      this.#thumbnails = this.#thumbnails.filter((_, index) => index % 2 === 0)
      this.#stepFrames *= 2
      // MAX_COLLECTED is even: the frame in hand is one of those that the doubled step takes.
    }
    this.#thumbnails.push(drawThumbnail(frame, this.#format, this.#grid))
    return true
  }

  /** The bytes of a PNG file with as many of the pictures as fill a grid; undefined if no frame was offered. */
  encode(): Uint8Array | undefined {
    const grid = GRIDS.find(([count]) => count <= this.#thumbnails.length)
    if (grid === undefined) return undefined
    const [count, columnCount] = grid
    const chosen = pickEvenly(this.#thumbnails, count)
    return encode({ ...this.#layOut(chosen, columnCount), channels: 3, depth: 8 })
  }

  #layOut(thumbnails: readonly Uint8Array[], columnCount: number) {
    const { columns, rows } = this.#grid
    const width = columnCount * (columns + MARGIN_PIXELS) + MARGIN_PIXELS
    const height = (thumbnails.length / columnCount) * (rows + MARGIN_PIXELS) + MARGIN_PIXELS
    const data = new Uint8Array(width * height * 3)
    for (let index = 0; index < width * height; index += 1) data.set(BACKGROUND_RGB, index * 3)
    thumbnails.forEach((rgb, index) => {
      const left = MARGIN_PIXELS + (index % columnCount) * (columns + MARGIN_PIXELS)
      const top = MARGIN_PIXELS + Math.floor(index / columnCount) * (rows + MARGIN_PIXELS)
      for (let row = 0; row < rows; row += 1) {
        const pixels = rgb.subarray(row * columns * 3, (row + 1) * columns * 3)
        data.set(pixels, ((top + row) * width + left) * 3)
      }
    })
    return { width, height, data }
  }
}

/** `count` of `items`, the first and (from two up) the last among them. */
function pickEvenly<T>(items: readonly T[], count: number): readonly T[] {
  const step = count === 1 ? 0 : (items.length - 1) / (count - 1)
  return Array.from({ length: count }, (_, index) => items[Math.round(index * step)]!)
}
