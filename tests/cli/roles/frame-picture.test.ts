// Goal: what a frame shows is found by its format, in place; compressed pictures are decoded, broken ones left out.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encode } from 'jpeg-js'
import { pictureOf } from '#src/cli/roles/frame-picture.js'
import { layOutFormat, type FrameFormat } from '#src/core/frame/format.js'
import type { Frame } from '#src/linux/index.js'

function frameOf(format: FrameFormat, bytes: Uint8Array): Frame {
  return { bytes, format: layOutFormat(format).format } as unknown as Frame
}

const size = { width: 16, height: 8 }

test('pictureOf looks at raw frames where they lie', () => {
  const bytes = new Uint8Array(256)
  const color = { range: 'full', matrix: 'bt709' } as const
  const seen = pictureOf(frameOf({ fourcc: 'YUYV', ...size, color }, bytes))
  assert.equal(seen?.frame.bytes, bytes)
  assert.deepEqual(seen.picture, { fourcc: 'YUYV', ...size, ...color })
  assert.equal(seen.frame.planes[0]?.strideBytes, 32)
})

test('pictureOf takes colours that nobody states for those of small video', () => {
  const seen = pictureOf(frameOf({ fourcc: 'NV12', ...size }, new Uint8Array(192)))
  assert.deepEqual([seen?.picture.range, seen?.picture.matrix], ['limited', 'bt601'])
})

test('pictureOf decodes a JPEG, with padding behind it', () => {
  const data = new Uint8Array(16 * 8 * 4).fill(200)
  const jpeg = encode({ ...size, data }, 90).data
  const bytes = new Uint8Array(jpeg.length + 100)
  bytes.set(jpeg)
  const planes = [{ offsetBytes: 0, strideBytes: bytes.length, rowCount: 1 }]
  const seen = pictureOf(frameOf({ fourcc: 'MJPG', ...size, planes }, bytes))
  assert.equal(seen?.picture.fourcc, 'VU24')
  assert.equal(seen.frame.bytes.length, 16 * 8 * 3)
  assert.ok(Math.abs((seen.frame.bytes[0] ?? 0) - 200) < 4)
})

test('pictureOf leaves out a JPEG that is cut off', () => {
  const planes = [{ offsetBytes: 0, strideBytes: 4, rowCount: 1 }]
  const bytes = Uint8Array.of(0xff, 0xd8, 0xff, 0xdb)
  assert.equal(pictureOf(frameOf({ fourcc: 'MJPG', ...size, planes }, bytes)), undefined)
})

test('pictureOf refuses what it cannot show', () => {
  const planes = [{ offsetBytes: 0, strideBytes: 32, rowCount: 8 }]
  const frame = frameOf({ fourcc: 'P010', ...size, planes }, new Uint8Array(256))
  assert.throws(() => pictureOf(frame), /P010/)
  const plain = { bytes: new Uint8Array(1), format: undefined } as unknown as Frame
  assert.throws(() => pictureOf(plain), /plain bytes/)
})

test('pictureOf leaves out a raw picture that is not all there', () => {
  const format = { fourcc: 'NV12', ...size }
  assert.notEqual(pictureOf(frameOf(format, new Uint8Array(192))), undefined)
  assert.equal(pictureOf(frameOf(format, new Uint8Array(191))), undefined)
})
