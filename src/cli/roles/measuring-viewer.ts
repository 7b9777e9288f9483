import type { Frame } from '../../linux/index.js'
import { lumaHistogram, motion } from '../media/yuv.js'
import { pictureOf, type SeenPicture } from './frame-picture.js'
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
    look(frame) {
      const seen = pictureOf(frame)
      if (seen === undefined) {
        frame.release()
        return {}
      }
      const luma = meanOf(lumaHistogram(seen.frame, seen.picture))
      const moved = isLike(before?.seen, seen)
        ? { motion: motion(before!.seen.frame, seen.frame, seen.picture) }
        : {}
      before?.held.release()
      before = { held: frame, seen }
      return { luma, ...moved }
    },
    end() {
      before?.held.release()
      before = undefined
      return Promise.resolve({})
    },
  }
}

function isLike(before: SeenPicture | undefined, { picture }: SeenPicture): boolean {
  return before?.picture.width === picture.width && before.picture.height === picture.height
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
