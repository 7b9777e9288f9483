import type { Frame } from '../../linux/index.js'
import type { Plane } from '../../core/frame/format.js'
import { hasChannels } from '../media/channels.js'
import { InputError } from '../media/input-error.js'
import { decodeJpeg } from '../media/mjpeg.js'
import type { YuvFrame, YuvPicture } from '../media/yuv.js'

/** What a frame shows, as the media code names it. */
export interface SeenPicture {
  /** The shared memory itself; of a compressed picture, what was decoded. */
  readonly frame: YuvFrame
  readonly picture: YuvPicture
}

/**
 * Looks at a frame where it lies. A compressed one is decoded, for that alone: what is shared stays compressed.
 *
 * @returns undefined for a picture that is broken, or not all there, as cameras give some
 * @throws {TypeError} for a format that cannot be shown
 */
export function pictureOf(frame: Frame): SeenPicture | undefined {
  const { format } = frame
  if (format?.fourcc === 'MJPG') return decoded(frame.bytes)
  if (format === undefined || !hasChannels(format.fourcc))
    throw new TypeError(`This viewer cannot show ${format?.fourcc ?? 'plain bytes'}`)
  const { fourcc, width, height, color, planes } = format
  const { bytes } = frame
  if (planes.some((plane) => endOf(plane) > bytes.length)) return undefined
  const matrix = color?.matrix === 'bt709' ? 'bt709' : 'bt601'
  return {
    frame: { bytes, planes },
    picture: { fourcc, width, height, range: color?.range ?? 'limited', matrix },
  }
}

function endOf({ offsetBytes, strideBytes, rowCount }: Plane): number {
  return offsetBytes + strideBytes * rowCount
}

function decoded(bytes: Uint8Array): SeenPicture | undefined {
  try {
    const { width, height, triples } = decodeJpeg(bytes)
    const planes = [{ offsetBytes: 0, strideBytes: 3 * width, rowCount: height }]
    const picture = { fourcc: 'VU24', width, height, range: 'full', matrix: 'bt601' } as const
    return { frame: { bytes: triples, planes }, picture }
  } catch (error) {
    if (error instanceof InputError) return undefined
    throw error
  }
}
