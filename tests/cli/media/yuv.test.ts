// Goal: counts and differences are those of the pixels, and padding is none of them.
// Method: frames by hand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lumaHistogram, motion } from '#src/cli/media/yuv.js'
import { flatFrame, PADDED, paddedFrame } from './frames.js'

test('lumaHistogram counts every second pixel of every second row, and no padding', () => {
  const counts = lumaHistogram(paddedFrame(), PADDED)
  assert.equal(counts.length, 256)
  assert.equal(
    counts.reduce((sum, count) => sum + count),
    2,
  )
  assert.deepEqual([counts[10], counts[30], counts[99], counts[0]], [1, 1, 0, 0])
})

test('lumaHistogram adds up equal values, also the brightest', () => {
  const size = { width: 3, height: 3 }
  assert.equal(lumaHistogram(flatFrame(size, [255, 0, 0]), size)[255], 4)
})

test('motion of a frame with itself is 0', () => {
  assert.equal(motion(paddedFrame(), paddedFrame(), PADDED), 0)
})

test('motion is the mean difference, whichever frame is brighter', () => {
  const size = { width: 5, height: 5 }
  const dark = flatFrame(size, [10, 0, 0])
  const bright = flatFrame(size, [250, 0, 0])
  assert.equal(motion(dark, bright, size), 240)
  assert.equal(motion(bright, dark, size), 240)
})

test('motion looks at every second pixel of every second row', () => {
  const change = (index: number) => {
    const frame = paddedFrame()
    frame.bytes[index] = frame.bytes[index]! + 2
    return motion(paddedFrame(), frame, PADDED)
  }
  assert.deepEqual([change(0), change(2)], [1, 1])
  assert.deepEqual([change(1), change(3), change(4), change(6), change(12)], [0, 0, 0, 0, 0])
})

test('motion reads each frame by its own planes', () => {
  const size = { width: 4, height: 2 }
  const packed = flatFrame(size, [0, 128, 128])
  packed.bytes.set([10, 20, 30, 40, 50, 60, 70, 80])
  assert.equal(motion(packed, paddedFrame(), size), 0)
})

test('motion refuses a frame without luma, on either side', () => {
  const bare = { ...paddedFrame(), planes: [] }
  assert.throws(() => motion(bare, paddedFrame(), PADDED), RangeError)
  assert.throws(() => motion(paddedFrame(), bare, PADDED), RangeError)
})
