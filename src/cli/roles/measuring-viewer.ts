import type { Frame } from '../../linux/index.js'
import { lumaHistogram, motion } from '../media/yuv.js'
import { pictureOf, type SeenPicture } from './frame-picture.js'
import { rehearse } from './rehearse.js'
import type { ViewerRole } from './viewer.js'

/**
 * Measures every frame in order: its luma histogram, and how far it moved since the frame before, which
 * is still held for that: two frames of shared memory side by side, nothing copied.
 */
export function measuringViewer(): ViewerRole {
  let before: { readonly held: Frame; readonly seen: SeenPicture } | undefined
  return {
    mode: 'fifo',
    maxHeld: 2,
    rehearse() {
      rehearse((seen) => measure(seen, seen))
    },
    look(frame) {
      const seen = pictureOf(frame)
      if (seen === undefined) {
        frame.release()
        return {}
      }
      const measured = measure(seen, before?.seen)
      before?.held.release()
      before = { held: frame, seen }
      return measured
    },
    end() {
      before?.held.release()
      before = undefined
      return Promise.resolve({})
    },
  }
}

function measure(
  { frame, picture }: SeenPicture,
  before: SeenPicture | undefined,
): { readonly luma: number; readonly motion?: number } {
  const luma = meanOf(lumaHistogram(frame, picture))
  const isLike = before?.picture.width === picture.width && before.picture.height === picture.height
  return isLike ? { luma, motion: motion(before.frame, frame, picture) } : { luma }
}

function meanOf(histogram: Uint32Array): number {
  let sum = 0
  let count = 0
  for (let luma = 0; luma < 256; luma++) {
    const pixels = histogram[luma] ?? 0
    sum += pixels * luma
    count += pixels
  }
  return count === 0 ? 0 : sum / count
}
