// Frames by hand for the tests of media/.
import { packedLengthBytes, packedPlanes, type PictureSize } from '#src/cli/media/yu12.js'
import type { YuvFrame } from '#src/cli/media/yuv.js'

/** A frame of one colour. */
export function flatFrame(
  size: PictureSize,
  [y, u, v]: readonly [number, number, number],
): YuvFrame {
  const planes = packedPlanes(size)
  const bytes = new Uint8Array(packedLengthBytes(size))
  const starts = planes.map(({ offsetBytes }) => offsetBytes)
  bytes.fill(y, starts[0], starts[1])
  bytes.fill(u, starts[1], starts[2])
  bytes.fill(v, starts[2])
  return { bytes, planes }
}

/** 4x2 pixels with a stride of 6 and 99 in the padding. */
export function paddedFrame(): YuvFrame {
  const luma = [10, 20, 30, 40, 99, 99, 50, 60, 70, 80, 99, 99]
  const chroma = [128, 128, 99]
  const planes = [
    { offsetBytes: 0, strideBytes: 6, rowCount: 2 },
    { offsetBytes: 12, strideBytes: 3, rowCount: 1 },
    { offsetBytes: 15, strideBytes: 3, rowCount: 1 },
  ]
  return { bytes: Uint8Array.from([...luma, ...chroma, ...chroma]), planes }
}

/** What paddedFrame() is. */
export const PADDED = { width: 4, height: 2, range: 'full' } as const
