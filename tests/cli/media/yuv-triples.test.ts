// Goal: interleaved pixels come apart into planes, chroma halved the right way for its kind.
// Method: small pictures by hand; Y, U and V tell their pixel.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { packedLengthBytes, packedPlanes } from '#src/cli/media/yu12.js'
import { writeYuvTriples, type YuvTriples } from '#src/cli/media/yuv-triples.js'

/** Pixel k has Y = k, U = 100 + 4k, V = 200 - 4k. */
function pictureOf(width: number, height: number, chroma: YuvTriples['chroma']): YuvTriples {
  const pixels = Array.from({ length: width * height }, (_, k) => [k, 100 + 4 * k, 200 - 4 * k])
  return { width, height, chroma, triples: Uint8Array.from(pixels.flat()) }
}

function planesOf(picture: YuvTriples): number[][] {
  const target = new Uint8Array(packedLengthBytes(picture))
  const planes = packedPlanes(picture)
  writeYuvTriples(picture, target, planes)
  return planes.map(({ offsetBytes, strideBytes, rowCount }) =>
    Array.from(target.subarray(offsetBytes, offsetBytes + strideBytes * rowCount)),
  )
}

test('writeYuvTriples takes every luma value', () => {
  const [luma] = planesOf(pictureOf(3, 2, 'halved'))
  assert.deepEqual(luma, [0, 1, 2, 3, 4, 5])
})

test('writeYuvTriples takes halved chroma as it is', () => {
  // Pixels 0, 2 and 6, 8 of a 3x3 picture begin the four boxes.
  const [, u, v] = planesOf(pictureOf(3, 3, 'halved'))
  assert.deepEqual(u, [100, 108, 124, 132])
  assert.deepEqual(v, [200, 192, 176, 168])
})

test('writeYuvTriples takes the mean of two by two pixels of other chroma', () => {
  const [, u, v] = planesOf(pictureOf(4, 2, 'other'))
  assert.deepEqual(u, [100 + (0 + 1 + 4 + 5), 100 + (2 + 3 + 6 + 7)])
  assert.deepEqual(v, [200 - (0 + 1 + 4 + 5), 200 - (2 + 3 + 6 + 7)])
})

test('writeYuvTriples takes no pixel from outside an odd size', () => {
  // Pixels 0 1 2 / 3 4 5 / 6 7 8: right column 2 and 5, bottom row 6 and 7, corner 8.
  const [, u] = planesOf(pictureOf(3, 3, 'other'))
  assert.deepEqual(u, [108, 100 + 14, 100 + 26, 132])
})

test('writeYuvTriples writes 128 for the chroma of grey', () => {
  const [luma, u, v] = planesOf(pictureOf(3, 1, 'grey'))
  assert.deepEqual(
    [luma, u, v],
    [
      [0, 1, 2],
      [128, 128],
      [128, 128],
    ],
  )
})

for (const chroma of ['grey', 'halved', 'other'] as const) {
  test(`writeYuvTriples leaves padding alone (${chroma})`, () => {
    const target = new Uint8Array(40).fill(255)
    writeYuvTriples(pictureOf(3, 3, chroma), target, [
      { offsetBytes: 1, strideBytes: 5, rowCount: 3 },
      { offsetBytes: 18, strideBytes: 4, rowCount: 2 },
      { offsetBytes: 28, strideBytes: 4, rowCount: 2 },
    ])
    const padding = [0, 4, 5, 9, 10, 14, 15, 16, 17, 20, 21, 24, 25, 26, 27, 30, 31, 34, 35]
    assert.ok(padding.every((index) => target[index] === 255))
    const written = [1, 2, 3, 6, 11, 13, 18, 19, 22, 23, 28, 29, 32, 33]
    assert.ok(written.every((index) => target[index] !== 255))
  })
}

for (const chroma of ['grey', 'halved', 'other'] as const) {
  test(`writeYuvTriples writes no sample more than an even size has (${chroma})`, () => {
    const target = new Uint8Array(30).fill(255)
    writeYuvTriples(pictureOf(4, 2, chroma), target, [
      { offsetBytes: 0, strideBytes: 4, rowCount: 2 },
      { offsetBytes: 10, strideBytes: 4, rowCount: 1 },
      { offsetBytes: 20, strideBytes: 4, rowCount: 1 },
    ])
    const untouched = [8, 9, 12, 13, 14, 15, 16, 17, 18, 19, 22, 23, 24, 25, 26, 27]
    assert.ok(untouched.every((index) => target[index] === 255))
  })
}
