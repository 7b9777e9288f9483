import { DmaBufError } from '../errors.js'

/** Four characters that name a pixel format, as DRM spells them: 'AB24' is what sharp and canvas call RGBA. */
export type Fourcc =
  | 'AB24'
  | 'AR24'
  | 'BG24'
  | 'NV12'
  | 'NV21'
  | 'R8  '
  | 'RG24'
  | 'UYVY'
  | 'XB24'
  | 'XR24'
  | 'YU12'
  | 'YUYV'
  | 'YV12'
  | (string & {})

/** Where one plane of a frame lies in its buffer. */
export interface Plane {
  readonly offsetBytes: number
  /** From the start of a row to the start of the next. */
  readonly strideBytes: number
  readonly rowCount: number
}

/** How the colours are meant; the container usually knows. */
export interface FrameColor {
  readonly range: 'full' | 'limited'
  readonly matrix: 'bt601' | 'bt709' | 'bt2020'
}

/** What a frame's bytes are. */
export interface FrameFormat {
  readonly fourcc: Fourcc
  /** DRM format modifier: how the pixels are tiled; 0n (linear) where absent. */
  readonly modifier?: bigint
  /** Pixels, 1 to 16384. */
  readonly width: number
  readonly height: number
  /** One to four; tightly packed one after the other where absent. */
  readonly planes?: readonly Plane[]
  readonly color?: FrameColor
}

/** A format whose planes are worked out and checked. */
export interface LaidOutFormat extends FrameFormat {
  readonly planes: readonly Plane[]
}

const RANGES: readonly string[] = ['full', 'limited']
const MATRICES: readonly string[] = ['bt601', 'bt709', 'bt2020']

/** The largest width and height of a frame, in pixels. */
export const MAX_SIDE_PIXELS = 16384

/** Bytes a pixel, and how many pixels share a sample across and down, for each plane in order. */
type PlaneShape = readonly [bytes: number, across: number, down: number]

const SHAPES: Readonly<Record<string, readonly PlaneShape[]>> = {
  'R8  ': [[1, 1, 1]],
  RG24: [[3, 1, 1]],
  BG24: [[3, 1, 1]],
  AB24: [[4, 1, 1]],
  AR24: [[4, 1, 1]],
  XB24: [[4, 1, 1]],
  XR24: [[4, 1, 1]],
  YUYV: [[4, 2, 1]],
  UYVY: [[4, 2, 1]],
  NV12: [
    [1, 1, 1],
    [2, 2, 2],
  ],
  NV21: [
    [1, 1, 1],
    [2, 2, 2],
  ],
  YU12: [
    [1, 1, 1],
    [1, 2, 2],
    [1, 2, 2],
  ],
  YV12: [
    [1, 1, 1],
    [1, 2, 2],
    [1, 2, 2],
  ],
}

/**
 * The planes of a format, and how many bytes they need.
 *
 * @param format - `planes` as given (each has to be one; whether they overlap is the caller's business),
 *   or tightly packed ones
 * @returns the format with its planes, and the bytes from 0 to the end of the last plane
 * @throws {RangeError} for a size outside 1 … 16384 or a plane that is no plane
 * @throws {DmaBufError} EINVAL for an unknown fourcc without planes
 */
export function layOutFormat(format: FrameFormat): { format: LaidOutFormat; lengthBytes: number } {
  const { fourcc, width, height } = format
  if (typeof fourcc !== 'string' || !/^[\x20-\x7e]{4}$/.test(fourcc))
    throw new TypeError(`fourcc must be four ASCII characters: ${String(fourcc)}`)
  checkSide('width', width)
  checkSide('height', height)
  checkMeaning(format)
  const planes = format.planes ?? packedPlanes(fourcc, width, height)
  if (planes.length < 1 || planes.length > 4)
    throw new RangeError(`A frame has 1 to 4 planes: ${planes.length}`)
  let lengthBytes = 0
  for (const plane of planes) lengthBytes = Math.max(lengthBytes, planeEnd(plane))
  return { format: { ...format, planes }, lengthBytes }
}

/** The first byte behind a plane. @throws {RangeError} where its numbers are no plane */
export function planeEnd(plane: Plane): number {
  const { offsetBytes, strideBytes, rowCount } = plane
  const end = offsetBytes + strideBytes * rowCount
  const whole = [offsetBytes, strideBytes, rowCount, end].every(
    (n) => Number.isSafeInteger(n) && n >= 0,
  )
  if (!whole || strideBytes === 0 || rowCount === 0)
    throw new RangeError(
      `Not a plane: offset ${offsetBytes}, stride ${strideBytes}, rows ${rowCount}`,
    )
  return end
}

function packedPlanes(fourcc: string, width: number, height: number): readonly Plane[] {
  const shapes = SHAPES[fourcc]
  if (shapes === undefined)
    throw new DmaBufError('EINVAL', 'layOutFormat', `Unknown fourcc ${fourcc}: give its planes`)
  let offsetBytes = 0
  return shapes.map(([bytes, across, down]) => {
    const strideBytes = Math.ceil(width / across) * bytes
    const plane = { offsetBytes, strideBytes, rowCount: Math.ceil(height / down) }
    offsetBytes += strideBytes * plane.rowCount
    return plane
  })
}

function checkMeaning({ color, modifier }: FrameFormat): void {
  if (modifier !== undefined && (modifier < 0n || modifier >= 1n << 64n))
    throw new RangeError(`modifier must have 64 bits: ${modifier}`)
  if (color === undefined) return
  if (!RANGES.includes(color.range)) throw new TypeError(`Unknown color range: ${color.range}`)
  if (!MATRICES.includes(color.matrix)) throw new TypeError(`Unknown color matrix: ${color.matrix}`)
}

function checkSide(side: string, pixels: number): void {
  if (!Number.isInteger(pixels) || pixels < 1 || pixels > MAX_SIDE_PIXELS)
    throw new RangeError(`${side} must be 1 to ${MAX_SIDE_PIXELS} pixels: ${pixels}`)
}
