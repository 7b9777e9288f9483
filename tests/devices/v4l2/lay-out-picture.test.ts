// Goal: the planes of a picture lie where its driver says, with the driver's strides.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  layOutPicture,
  withDataOffsets,
  type DriverFormat,
} from '#src/devices/v4l2/lay-out-picture.js'
import { fourccNumber } from '#src/uapi/videodev2.js'

function driver(
  name: string,
  pieces: readonly (readonly [sizeImageBytes: number, bytesPerLine: number])[],
  more: Partial<DriverFormat> = {},
): DriverFormat {
  return {
    ...{ width: 63, height: 31, pixelFormat: fourccNumber(name) },
    ...{ colorspace: 0, ycbcrEncoding: 0, quantization: 0 },
    pieces: pieces.map(([sizeImageBytes, bytesPerLine]) => ({ sizeImageBytes, bytesPerLine })),
    ...more,
  }
}

const planesOf = (format: DriverFormat): number[][] =>
  layOutPicture(format).planes.map((plane) => [
    plane.bufferIndex,
    plane.offsetBytes,
    plane.strideBytes,
    plane.rowCount,
  ])

test('layOutPicture puts planes one after another, by the stride of the first', () => {
  assert.deepEqual(planesOf(driver('YUYV', [[4000, 128]])), [[0, 0, 128, 31]])
  assert.deepEqual(planesOf(driver('NV12', [[9000, 64]])), [
    [0, 0, 64, 31],
    [0, 1984, 64, 16],
  ])
  assert.deepEqual(planesOf(driver('YU12', [[9000, 64]])), [
    [0, 0, 64, 31],
    [0, 1984, 32, 16],
    [0, 2496, 32, 16],
  ])
})

test('layOutPicture puts split planes into buffers of their own', () => {
  const split = driver('NM12', [
    [2048, 64],
    [1200, 70],
  ])
  assert.deepEqual(planesOf(split), [
    [0, 0, 64, 31],
    [1, 0, 70, 16],
  ])
  assert.equal(layOutPicture(split).fourcc, 'NV12')
})

test('layOutPicture takes what is compressed or unknown as a whole', () => {
  assert.deepEqual(planesOf(driver('MJPG', [[5000, 0]])), [[0, 0, 5000, 1]])
  const unknown = layOutPicture(driver('H264', [[5000, 0]]))
  assert.deepEqual([unknown.fourcc, unknown.planes.length], ['H264', 1])
})

test('layOutPicture refuses what a driver cannot mean', () => {
  for (const wrong of [
    driver('NV12', [[2000, 64]]),
    driver('YUYV', [[4000, 0]]),
    driver('YU12', [[9000, 63]]),
    driver('YUYV', [[4000, 128]], { width: 0 }),
    driver('YUYV', [[4000, 128]], { height: 20_000 }),
  ])
    assert.throws(() => layOutPicture(wrong), { code: 'EPROTO' })
})

test('layOutPicture says how colours are meant where the driver does', () => {
  const colors = (more: Partial<DriverFormat>) =>
    layOutPicture(driver('YUYV', [[4000, 128]], more)).color
  assert.equal(colors({}), undefined)
  assert.deepEqual(colors({ colorspace: 8 }), { range: 'limited', matrix: 'bt601' })
  assert.deepEqual(colors({ colorspace: 7 }), { range: 'full', matrix: 'bt601' })
  assert.deepEqual(colors({ colorspace: 3 }), { range: 'limited', matrix: 'bt709' })
  assert.deepEqual(colors({ colorspace: 3, ycbcrEncoding: 1 }), {
    range: 'limited',
    matrix: 'bt601',
  })
  assert.deepEqual(colors({ colorspace: 10, quantization: 1 }), { range: 'full', matrix: 'bt2020' })
})

test('withDataOffsets moves planes behind what the driver put before them', () => {
  const format = layOutPicture(
    driver('NM12', [
      [4096, 64],
      [2048, 64],
    ]),
  )
  assert.equal(withDataOffsets(format, [0, 0]), format)
  const moved = withDataOffsets(format, [128, 16]).planes
  assert.deepEqual(
    moved.map(({ offsetBytes }) => offsetBytes),
    [128, 16],
  )
})
