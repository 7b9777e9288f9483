// Goal: a small picture has the colours of the large one, and padding is no part of it.
// Method: frames by hand; colours with known YUV values.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drawThumbnail } from '#src/cli/media/thumbnail.js'
import { flatFrame, PADDED, paddedFrame } from './frames.js'

const ONE = { columns: 1, rows: 1 }

// Of ITU-R BT.601 and BT.709, 8 bit, rounded; red, green, blue, white, black.
const COLORS = [
  ['full', 'bt601', [76, 85, 255], [255, 0, 0]],
  ['full', 'bt601', [150, 44, 21], [0, 255, 0]],
  ['full', 'bt601', [29, 255, 107], [0, 0, 255]],
  ['full', 'bt601', [255, 128, 128], [255, 255, 255]],
  ['limited', 'bt601', [81, 90, 240], [255, 0, 0]],
  ['limited', 'bt601', [145, 54, 34], [0, 255, 0]],
  ['limited', 'bt601', [235, 128, 128], [255, 255, 255]],
  ['limited', 'bt601', [16, 128, 128], [0, 0, 0]],
  ['limited', 'bt709', [63, 102, 240], [255, 0, 0]],
  ['limited', 'bt709', [173, 42, 26], [0, 255, 0]],
  ['limited', 'bt709', [32, 240, 118], [0, 0, 255]],
] as const

for (const [range, matrix, yuv, rgb] of COLORS) {
  test(`drawThumbnail turns ${range} ${matrix} ${yuv.join(' ')} into ${rgb.join(' ')}`, () => {
    const size = { width: 8, height: 8 }
    const pixel = drawThumbnail(flatFrame(size, yuv), { ...size, range, matrix }, ONE)
    const worst = Math.max(...pixel.map((byte, index) => Math.abs(byte - rgb[index]!)))
    assert.ok(worst <= 3, `received ${pixel.join(' ')}`)
  })
}

// Colours inside the cube: nothing is clipped that would hide a wrong factor.
for (const [range, matrix, rgb] of [
  ['full', 'bt601', [117, 94, 86]],
  ['limited', 'bt601', [117, 91, 82]],
  ['limited', 'bt709', [119, 93, 81]],
] as const) {
  test(`drawThumbnail has the factors of ${range} ${matrix} right`, () => {
    const size = { width: 8, height: 8 }
    const frame = flatFrame(size, [100, 120, 140])
    assert.deepEqual([...drawThumbnail(frame, { ...size, range, matrix }, ONE)], [...rgb])
  })
}

test('drawThumbnail gives full range grey unchanged, from 0 to 255', () => {
  const size = { width: 2, height: 2 }
  for (const grey of [0, 1, 2, 127, 253, 254, 255]) {
    const frame = flatFrame(size, [grey, 128, 128])
    assert.equal(drawThumbnail(frame, { ...size, range: 'full' }, ONE)[0], grey)
  }
})

test('drawThumbnail finds the chroma of every pixel', () => {
  const size = { width: 6, height: 4 }
  const frame = flatFrame(size, [128, 128, 128])
  const [, u, v] = frame.planes
  frame.bytes.set([100, 110, 120, 130, 140, 150], u?.offsetBytes)
  frame.bytes.set([150, 140, 130, 120, 110, 100], v?.offsetBytes)
  const rgb = drawThumbnail(frame, { ...size, range: 'full' }, { columns: 6, rows: 4 })
  const blueAt = (x: number, y: number) => rgb[(y * 6 + x) * 3 + 2]
  const redAt = (x: number, y: number) => rgb[(y * 6 + x) * 3]
  const blue = (value: number) => Math.round(128 + 1.772 * (value - 128))
  const red = (value: number) => Math.round(128 + 1.402 * (value - 128))
  const chromaAt = [100, 110, 120, 130, 140, 150]
  for (const y of [0, 1, 2, 3]) {
    for (const x of [0, 1, 2, 3, 4, 5]) {
      const index = (y >> 1) * 3 + (x >> 1)
      assert.equal(blueAt(x, y), blue(chromaAt[index]!))
      assert.equal(redAt(x, y), red(250 - chromaAt[index]!))
    }
  }
})

test('drawThumbnail takes BT.709 by itself for limited range from 720 rows up only', () => {
  const greenOf = (height: number, range: 'full' | 'limited') => {
    const size = { width: 2, height }
    return drawThumbnail(flatFrame(size, [100, 60, 200]), { ...size, range }, ONE)[1]
  }
  assert.equal(greenOf(719, 'limited'), greenOf(2, 'limited'))
  assert.notEqual(greenOf(720, 'limited'), greenOf(719, 'limited'))
  assert.equal(greenOf(720, 'full'), greenOf(719, 'full'))
})

test('drawThumbnail takes the mean of the pixels of a box, without padding', () => {
  const rgb = drawThumbnail(paddedFrame(), PADDED, { columns: 2, rows: 1 })
  assert.deepEqual([...rgb], [35, 35, 35, 55, 55, 55])
})

test('drawThumbnail gives every pixel of a thumbnail as large as the picture', () => {
  const rgb = drawThumbnail(paddedFrame(), PADDED, { columns: 4, rows: 2 })
  assert.deepEqual(
    [...rgb].filter((_, index) => index % 3 === 0),
    [10, 20, 30, 40, 50, 60, 70, 80],
  )
})

test('drawThumbnail repeats pixels for a thumbnail larger than the picture', () => {
  const rgb = drawThumbnail(paddedFrame(), PADDED, { columns: 8, rows: 2 })
  assert.deepEqual(
    [...rgb].filter((_, index) => index % 3 === 0).slice(0, 8),
    [10, 10, 20, 20, 30, 30, 40, 40],
  )
})

test('drawThumbnail looks at no more than 16 pixels for a point', () => {
  const size = { width: 64, height: 64 }
  const frame = flatFrame(size, [0, 128, 128])
  let readCount = 0
  const bytes = new Proxy(frame.bytes, {
    get: (target, key) => {
      readCount += 1
      return Reflect.get(target, key) as unknown
    },
  })
  drawThumbnail({ ...frame, bytes }, { ...size, range: 'full' }, { columns: 2, rows: 2 })
  assert.equal(readCount, 4 * 16 * 3)
})

test('drawThumbnail refuses a frame without three planes', () => {
  for (const count of [0, 1, 2]) {
    const frame = { ...paddedFrame(), planes: paddedFrame().planes.slice(0, count) }
    assert.throws(() => drawThumbnail(frame, PADDED, ONE), RangeError)
  }
})
