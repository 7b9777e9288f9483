import type { PlaneLayout } from './media-source.js'

/** Where the samples of one component of a picture lie. */
export interface Channel {
  readonly offsetBytes: number
  readonly strideBytes: number
  /** From one sample of a row to the next. */
  readonly stepBytes: number
  /** By how many bits a pixel's column and row are shifted to find its sample. */
  readonly acrossShift: number
  readonly downShift: number
}

/** The three components of a picture: Y, U, V, or R, G, B. Without the last two it is grey. */
export interface Channels {
  readonly kind: 'yuv' | 'rgb'
  readonly first: Channel
  readonly others: readonly [Channel, Channel] | undefined
}

/** For each component: its plane, its first byte there, its step and its shifts. */
type Place = readonly [plane: number, start: number, step: number, across: number, down: number]

interface Layout {
  readonly kind: Channels['kind']
  readonly places: readonly Place[]
}

const yuv = (...places: Place[]): Layout => ({ kind: 'yuv', places })
const packedRgb = (step: number, ...starts: readonly number[]): Layout => ({
  kind: 'rgb',
  places: starts.map((start) => [0, start, step, 0, 0]),
})

/** By DRM's names. */
const LAYOUTS: Readonly<Record<string, Layout>> = {
  YU12: yuv([0, 0, 1, 0, 0], [1, 0, 1, 1, 1], [2, 0, 1, 1, 1]),
  YV12: yuv([0, 0, 1, 0, 0], [2, 0, 1, 1, 1], [1, 0, 1, 1, 1]),
  NV12: yuv([0, 0, 1, 0, 0], [1, 0, 2, 1, 1], [1, 1, 2, 1, 1]),
  NV21: yuv([0, 0, 1, 0, 0], [1, 1, 2, 1, 1], [1, 0, 2, 1, 1]),
  YUYV: yuv([0, 0, 2, 0, 0], [0, 1, 4, 1, 0], [0, 3, 4, 1, 0]),
  UYVY: yuv([0, 1, 2, 0, 0], [0, 0, 4, 1, 0], [0, 2, 4, 1, 0]),
  // What a decoded JPEG is: Y, U and V of every pixel.
  VU24: yuv([0, 0, 3, 0, 0], [0, 1, 3, 0, 0], [0, 2, 3, 0, 0]),
  'R8  ': yuv([0, 0, 1, 0, 0]),
  BG24: packedRgb(3, 0, 1, 2),
  RG24: packedRgb(3, 2, 1, 0),
  XB24: packedRgb(4, 0, 1, 2),
  AB24: packedRgb(4, 0, 1, 2),
  XR24: packedRgb(4, 2, 1, 0),
  AR24: packedRgb(4, 2, 1, 0),
}

/** Whether channelsOf() knows a format. */
export function hasChannels(fourcc: string): boolean {
  return Object.hasOwn(LAYOUTS, fourcc)
}

/** Where the components of a picture lie. @throws {RangeError} for another format, or too few planes */
export function channelsOf(fourcc: string, planes: readonly PlaneLayout[]): Channels {
  const layout = hasChannels(fourcc) ? LAYOUTS[fourcc] : undefined
  if (layout === undefined) throw new RangeError(`No picture can be made of ${fourcc}`)
  const channels = layout.places.map(([index, start, stepBytes, acrossShift, downShift]) => {
    const plane = planes[index]
    if (plane === undefined) throw new RangeError(`${fourcc} has a plane ${index}`)
    const { offsetBytes, strideBytes } = plane
    return { offsetBytes: offsetBytes + start, strideBytes, stepBytes, acrossShift, downShift }
  })
  const [first, second, third] = channels
  return {
    kind: layout.kind,
    first: first!,
    others: second === undefined || third === undefined ? undefined : [second, third],
  }
}

/** The luma of a row: `width` bytes of `bytes` from `start`, each `step` after the one before. */
export interface LumaRow {
  readonly bytes: Uint8Array
  readonly start: number
  readonly step: number
}

/**
 * The luma of one row where it lies; of RGB what a grey picture would have.
 *
 * @param scratch - as many bytes as a row has pixels, overwritten where there is no luma in the picture
 */
export function lumaRow(
  bytes: Uint8Array,
  { kind, first, others }: Channels,
  row: number,
  scratch: Uint8Array,
): LumaRow {
  const start = first.offsetBytes + row * first.strideBytes
  const step = first.stepBytes
  if (kind === 'yuv' || others === undefined) return { bytes, start, step }
  const green = others[0].offsetBytes - first.offsetBytes
  const blue = others[1].offsetBytes - first.offsetBytes
  for (let column = 0, at = start; column < scratch.length; column += 1, at += step)
    scratch[column] = (77 * bytes[at]! + 150 * bytes[at + green]! + 29 * bytes[at + blue]!) >> 8
  return { bytes: scratch, start: 0, step: 1 }
}
