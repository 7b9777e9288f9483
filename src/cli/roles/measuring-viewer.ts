import type { Frame } from '../../linux/index.js'
import { lumaHistogram, motion, type YuvFrame } from '../media/yuv.js'
import { pictureOf, type ViewerRole } from './viewer.js'

/**
 * Measures every frame in order: its luma histogram, and how far it moved since the frame before, which
 * is still held for that: two frames of shared memory side by side, nothing copied.
 */
export function measuringViewer(): ViewerRole {
  let before: Frame | undefined
  return {
    mode: 'fifo',
    maxHeld: 2,
    look(frame) {
      const picture = pictureOf(frame)
      const luma = meanOf(lumaHistogram(yuvOf(frame), picture))
      const moved =
        before === undefined ? {} : { motion: motion(yuvOf(before), yuvOf(frame), picture) }
      before?.release()
      before = frame
      return { luma, ...moved }
    },
    end() {
      before?.release()
      before = undefined
      return Promise.resolve({})
    },
  }
}

function yuvOf(frame: Frame): YuvFrame {
  return { bytes: frame.bytes, planes: frame.format?.planes ?? [] }
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
