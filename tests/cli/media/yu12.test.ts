// Goal: a picture's planes are where Y4M and V4L2 say, and a layout that does not fit damages nothing.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkPlanes, copyPlane, planeSize } from '#src/cli/media/yu12.js'
import { packedLengthBytes, packedPlanes } from '#src/cli/media/yu12.js'

const SIZE = { width: 5, height: 3 }

test('planeSize halves chroma and rounds up', () => {
  assert.deepEqual(planeSize(SIZE, 0), SIZE)
  assert.deepEqual(planeSize(SIZE, 1), { width: 3, height: 2 })
  assert.deepEqual(planeSize({ width: 4, height: 2 }, 2), { width: 2, height: 1 })
})

test('packedPlanes puts the planes one after another', () => {
  assert.deepEqual(packedPlanes(SIZE), [
    { offsetBytes: 0, strideBytes: 5, rowCount: 3 },
    { offsetBytes: 15, strideBytes: 3, rowCount: 2 },
    { offsetBytes: 21, strideBytes: 3, rowCount: 2 },
  ])
})

test('packedLengthBytes is where the last plane ends', () => {
  assert.equal(packedLengthBytes(SIZE), 27)
})

test('checkPlanes accepts planes that just fit', () => {
  checkPlanes(new Uint8Array(27), packedPlanes(SIZE), SIZE)
})

test('checkPlanes lets the padding of the last row lie outside', () => {
  const planes = packedPlanes(SIZE).with(2, { offsetBytes: 21, strideBytes: 8, rowCount: 2 })
  checkPlanes(new Uint8Array(21 + 8 + 3), planes, SIZE)
})

test('checkPlanes refuses a target one byte too short', () => {
  assert.throws(() => checkPlanes(new Uint8Array(26), packedPlanes(SIZE), SIZE), {
    name: 'RangeError',
    message: 'Plane 2 of a 5x3 picture does not fit: offset 21, stride 3, rows 2 in 26 bytes',
  })
})

for (const [name, plane] of [
  ['too narrow', { offsetBytes: 0, strideBytes: 4, rowCount: 3 }],
  ['too low', { offsetBytes: 0, strideBytes: 5, rowCount: 2 }],
  ['before the beginning', { offsetBytes: -1, strideBytes: 5, rowCount: 3 }],
] as const) {
  test(`checkPlanes refuses a plane that is ${name}`, () => {
    const planes = packedPlanes(SIZE).with(0, plane)
    assert.throws(() => checkPlanes(new Uint8Array(27), planes, SIZE), RangeError)
  })
}

test('checkPlanes refuses another number of planes than three', () => {
  const planes = packedPlanes(SIZE).slice(0, 2)
  assert.throws(() => checkPlanes(new Uint8Array(27), planes, SIZE), {
    name: 'RangeError',
    message: 'YU12 has 3 planes: received 2',
  })
})

for (const [name, fromStride, toStride] of [
  ['both sides', 3, 4],
  ['the source', 3, 2],
  ['the target', 2, 4],
  ['no side', 2, 2],
] as const) {
  test(`copyPlane copies the pixels and nothing else with padding on ${name}`, () => {
    const bytes = new Uint8Array(20).fill(7)
    const target = new Uint8Array(20).fill(9)
    for (const row of [0, 1, 2]) bytes.set([2 * row + 1, 2 * row + 2], 1 + row * fromStride)
    const plane = { offsetBytes: 1, strideBytes: fromStride, rowCount: 3 }
    const to = { offsetBytes: 3, strideBytes: toStride, rowCount: 3 }
    copyPlane({ bytes, plane, width: 2 }, target, to)
    const expected = new Uint8Array(20).fill(9)
    for (const row of [0, 1, 2]) expected.set([2 * row + 1, 2 * row + 2], 3 + row * toStride)
    assert.deepEqual(target, expected)
  })
}
