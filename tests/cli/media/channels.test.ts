// Goal: each format's components are found where they are, and its luma row by row.
// Method: one pixel pair of known values written by hand in every format; a thumbnail of it has the same colour.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { channelsOf, hasChannels, lumaRow } from '#src/cli/media/channels.js'
import { drawThumbnail } from '#src/cli/media/thumbnail.js'
import { lumaHistogram, motion } from '#src/cli/media/yuv.js'
import { layOutFormat } from '#src/core/frame/format.js'

// Red: Y 81, U 90, V 240 in limited range.
const [Y, U, V] = [81, 90, 240]
const size = { width: 4, height: 2 }

const repeated = (pattern: readonly number[], times: number): number[] =>
  Array.from({ length: times }, () => pattern).flat()

/** 4x2 pixels of red in each format. */
const RED: Readonly<Record<string, readonly number[]>> = {
  YU12: [...repeated([Y], 8), U, U, V, V],
  YV12: [...repeated([Y], 8), V, V, U, U],
  NV12: [...repeated([Y], 8), U, V, U, V],
  NV21: [...repeated([Y], 8), V, U, V, U],
  YUYV: repeated([Y, U, Y, V], 4),
  UYVY: repeated([U, Y, V, Y], 4),
  BG24: repeated([255, 0, 0], 8),
  RG24: repeated([0, 0, 255], 8),
  XB24: repeated([255, 0, 0, 9], 8),
  AB24: repeated([255, 0, 0, 9], 8),
  XR24: repeated([0, 0, 255, 9], 8),
  AR24: repeated([0, 0, 255, 9], 8),
}

for (const [fourcc, values] of Object.entries(RED))
  test(`${fourcc}: red is red in a thumbnail`, () => {
    const { format, lengthBytes } = layOutFormat({ fourcc, ...size })
    assert.equal(values.length, lengthBytes)
    const frame = { bytes: Uint8Array.from(values), planes: format.planes }
    const picture = { ...size, fourcc, range: 'limited', matrix: 'bt601' } as const
    const rgb = drawThumbnail(frame, picture, { columns: 2, rows: 1 })
    for (const [index, value] of [255, 0, 0, 255, 0, 0].entries())
      assert.ok(Math.abs((rgb[index] ?? -99) - value) <= 2, [...rgb].join(' '))
  })

test('A grey picture has the same value in all three colours', () => {
  const { format } = layOutFormat({ fourcc: 'R8  ', ...size })
  const frame = { bytes: new Uint8Array(8).fill(100), planes: format.planes }
  const picture = { ...size, fourcc: 'R8  ', range: 'full', matrix: 'bt601' } as const
  assert.deepEqual([...drawThumbnail(frame, picture, { columns: 1, rows: 1 })], [100, 100, 100])
})

test('Luma is counted wherever it lies, strides respected, padding not', () => {
  const planes = [{ offsetBytes: 3, strideBytes: 11, rowCount: 2 }]
  const bytes = new Uint8Array(30).fill(255)
  bytes.set([1, 0, 2, 0, 3, 0, 4, 0], 3)
  bytes.set([5, 0, 6, 0, 7, 0, 8, 0], 14)
  const counts = lumaHistogram({ bytes, planes }, { ...size, fourcc: 'YUYV' })
  assert.deepEqual([...counts.subarray(0, 10)], [0, 1, 0, 1, 0, 0, 0, 0, 0, 0])
  assert.equal(counts[255], 0)
})

test('The luma of RGB weighs green most', () => {
  const { format } = layOutFormat({ fourcc: 'BG24', width: 3, height: 1 })
  const bytes = Uint8Array.of(255, 0, 0, 0, 255, 0, 0, 0, 255)
  const luma = lumaRow(bytes, channelsOf('BG24', format.planes), 0, new Uint8Array(3))
  assert.deepEqual(luma, { bytes: Uint8Array.of(76, 149, 28), start: 0, step: 1 })
})

test('Motion of packed formats looks at luma alone', () => {
  const { format } = layOutFormat({ fourcc: 'UYVY', ...size })
  const a = { bytes: Uint8Array.from(repeated([0, 10, 0, 10], 4)), planes: format.planes }
  const b = { bytes: Uint8Array.from(repeated([99, 17, 99, 17], 4)), planes: format.planes }
  assert.equal(motion(a, b, { ...size, fourcc: 'UYVY' }), 7)
})

test('What nobody can make a picture of is refused', () => {
  assert.equal(hasChannels('P010'), false)
  assert.equal(hasChannels('toString'), false)
  assert.throws(() => channelsOf('P010', []), RangeError)
  assert.throws(
    () => channelsOf('NV12', [{ offsetBytes: 0, strideBytes: 4, rowCount: 2 }]),
    RangeError,
  )
})
