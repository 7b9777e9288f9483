import type { Fourcc } from '../../core/frame/format.js'

/** How V4L2's name for a format is to be read. */
export interface PixelFormat {
  /** DRM's name, as in FrameFormat. */
  readonly fourcc: Fourcc
  /** For each plane by what its stride and its rows are divided, compared with the first; empty: compressed. */
  readonly planes: readonly (readonly [stride: number, rows: number])[]
  /** Each plane is a piece of memory of its own. */
  readonly isSplit?: true
}

const ONE = [[1, 1]] as const
const HALVED_PAIRS = [
  [1, 1],
  [1, 2],
] as const
const HALVED = [
  [1, 1],
  [2, 2],
  [2, 2],
] as const

/** By V4L2's names. The RGB formats of three bytes are named the other way round than DRM does. */
const FORMATS: Readonly<Record<string, PixelFormat>> = {
  YU12: { fourcc: 'YU12', planes: HALVED },
  YV12: { fourcc: 'YV12', planes: HALVED },
  NV12: { fourcc: 'NV12', planes: HALVED_PAIRS },
  NV21: { fourcc: 'NV21', planes: HALVED_PAIRS },
  YUYV: { fourcc: 'YUYV', planes: ONE },
  UYVY: { fourcc: 'UYVY', planes: ONE },
  RGB3: { fourcc: 'BG24', planes: ONE },
  BGR3: { fourcc: 'RG24', planes: ONE },
  XR24: { fourcc: 'XR24', planes: ONE },
  AR24: { fourcc: 'AR24', planes: ONE },
  XB24: { fourcc: 'XB24', planes: ONE },
  AB24: { fourcc: 'AB24', planes: ONE },
  GREY: { fourcc: 'R8  ', planes: ONE },
  MJPG: { fourcc: 'MJPG', planes: [] },
  JPEG: { fourcc: 'MJPG', planes: [] },
  YM12: { fourcc: 'YU12', planes: HALVED, isSplit: true },
  YM21: { fourcc: 'YV12', planes: HALVED, isSplit: true },
  NM12: { fourcc: 'NV12', planes: HALVED_PAIRS, isSplit: true },
  NM21: { fourcc: 'NV21', planes: HALVED_PAIRS, isSplit: true },
}

/** What a V4L2 format is; undefined for those that this package does not know. */
export function pixelFormat(v4l2Fourcc: string): PixelFormat | undefined {
  return Object.hasOwn(FORMATS, v4l2Fourcc) ? FORMATS[v4l2Fourcc] : undefined
}

/**
 * Which of the formats that a device offers is meant.
 *
 * @param offered - V4L2's names
 * @param wanted - DRM's name, or V4L2's where it matters which of several is taken; undefined: whichever is easiest to use
 * @returns V4L2's name; undefined where it is not offered
 */
export function chooseFormat(
  offered: readonly string[],
  wanted: string | undefined,
): string | undefined {
  const known = Object.keys(FORMATS).filter((name) => offered.includes(name))
  if (wanted === undefined) return known[0]
  const byMeaning = known.find((name) => FORMATS[name]?.fourcc === wanted)
  return byMeaning ?? offered.find((name) => name === wanted)
}
