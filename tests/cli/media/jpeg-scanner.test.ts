// Goal: the end of a JPEG is found by its structure, wherever the bytes are cut.
// Method: pictures by sharp and by hand, fed whole and byte by byte.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { JpegScanner } from '#src/cli/media/jpeg-scanner.js'
import { jpegOf, withSegment } from './samples.js'

const SIZE = { width: 40, height: 24 }

/** The end, which has to be the same whatever the size of the pieces. */
function endOf(bytes: Uint8Array): number | undefined {
  const end = new JpegScanner().scan(bytes, 0)
  for (const pieceBytes of [1, 7, 100]) assert.equal(endInPieces(bytes, pieceBytes), end)
  return end
}

function endInPieces(bytes: Uint8Array, pieceBytes: number): number | undefined {
  const scanner = new JpegScanner()
  for (let start = 0; start < bytes.length; start += pieceBytes) {
    const end = scanner.scan(bytes.subarray(start, start + pieceBytes), 0)
    if (end !== undefined) return start + end
  }
  return undefined
}

function refuses(bytes: readonly number[], message: string): void {
  const scanner = new JpegScanner()
  assert.throws(() => scanner.scan(Uint8Array.from(bytes), 0), { name: 'InputError', message })
}

test('JpegScanner.scan finds the end of a picture with more behind it', async () => {
  const jpeg = await jpegOf(SIZE)
  assert.equal(endOf(Buffer.concat([jpeg, jpeg])), jpeg.length)
})

test('JpegScanner.scan begins at the index it is told', async () => {
  const jpeg = await jpegOf(SIZE)
  const bytes = Buffer.concat([Buffer.alloc(7, 1), jpeg])
  assert.equal(new JpegScanner().scan(bytes, 7), bytes.length)
})

test('JpegScanner.scan finds no end in a picture that lacks its last byte', async () => {
  const jpeg = await jpegOf(SIZE)
  assert.equal(endOf(jpeg.subarray(0, -1)), undefined)
})

test('JpegScanner.scan goes through all scans of a progressive picture', async () => {
  const jpeg = await jpegOf(SIZE, { progressive: true })
  assert.equal(endOf(Buffer.concat([jpeg, jpeg])), jpeg.length)
})

test('JpegScanner.scan passes over a thumbnail in application data', async () => {
  const thumbnail = await jpegOf({ width: 8, height: 8 })
  const jpeg = withSegment(await jpegOf(SIZE), 0xe1, thumbnail)
  assert.equal(endOf(Buffer.concat([jpeg, jpeg])), jpeg.length)
})

test('JpegScanner.scan takes stuffed bytes, restarts and fill bytes for no end', () => {
  const scan = [0xff, 0xda, 0, 3, 1]
  const data = [0x12, 0xff, 0x00, 0xd9, 0xff, 0xd0, 0x34, 0xff, 0xd7, 0xff, 0xff, 0x00, 0xff]
  const bytes = [0xff, 0xd8, 0xff, 0xff, ...scan.slice(1), ...data, 0xff, 0xd9, 0, 0]
  assert.equal(endOf(Uint8Array.from(bytes)), bytes.length - 2)
})

test('JpegScanner.scan passes over an empty segment and a lone marker', () => {
  const bytes = [0xff, 0xd8, 0xff, 0xfe, 0, 2, 0xff, 0x01, 0xff, 0xd9]
  assert.equal(endOf(Uint8Array.from(bytes)), bytes.length)
})

test('JpegScanner.scan refuses what is no JPEG', () => {
  refuses([0x89, 0x50], 'broken JPEG: 89 instead of ff (start)')
  refuses([0xff, 0xe0], 'broken JPEG: e0 instead of d8 (start of image)')
})

test('JpegScanner.scan refuses bytes between two segments', () => {
  refuses([0xff, 0xd8, 0x00], 'broken JPEG: 00 instead of ff (marker prefix)')
})

test('JpegScanner.scan refuses a second picture inside the first', () => {
  const reason = 'broken JPEG: marker d8 in the middle of the picture'
  refuses([0xff, 0xd8, 0xff, 0xd8], reason)
  refuses([0xff, 0xd8, 0xff, 0xda, 0, 2, 1, 2, 0xff, 0xd8], reason)
})

test('JpegScanner.scan refuses a segment shorter than its own length field', () => {
  refuses([0xff, 0xd8, 0xff, 0xe0, 0, 1], 'broken JPEG: segment of 1 bytes')
})
