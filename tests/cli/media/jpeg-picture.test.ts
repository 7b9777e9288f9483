// Goal: what the decoder needs is known before it runs, and what would mislead it is gone.
// Method: pictures by sharp, changed by hand where sharp would not write such a thing.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import sharp from 'sharp'
import { readJpegPicture } from '#src/cli/media/jpeg-picture.js'
import { STANDARD_HUFFMAN_SEGMENT } from '#src/cli/media/standard-huffman.js'
import {
  adobeSegment,
  greyJpegOf,
  jpegOf,
  segmentStart,
  softPicture,
  withSegment,
} from './samples.js'

const SIZE = { width: 41, height: 23 }

function refuses(jpeg: Uint8Array, message: string): void {
  assert.throws(() => readJpegPicture(jpeg), { name: 'InputError', message })
}

/** The baseline picture with a byte of its frame header replaced; 0 is the marker's second byte. */
async function withFrameByte(offset: number, byte: number): Promise<Buffer> {
  const jpeg = await jpegOf(SIZE)
  jpeg[segmentStart(jpeg, 0xc0) + 1 + offset] = byte
  return jpeg
}

test('readJpegPicture tells size and 4:2:0', async () => {
  const { width, height, chroma } = readJpegPicture(await jpegOf(SIZE))
  assert.deepEqual({ width, height, chroma }, { ...SIZE, chroma: 'halved' })
})

test('readJpegPicture reads a progressive picture', async () => {
  const { width, chroma } = readJpegPicture(await jpegOf(SIZE, { progressive: true }))
  assert.deepEqual({ width, chroma }, { width: 41, chroma: 'halved' })
})

test('readJpegPicture tells full chroma from halved', async () => {
  assert.equal(readJpegPicture(await jpegOf(SIZE, { chromaSubsampling: '4:4:4' })).chroma, 'other')
})

test('readJpegPicture tells grey', async () => {
  assert.equal(readJpegPicture(await greyJpegOf(SIZE)).chroma, 'grey')
})

test('readJpegPicture leaves out comments and application data, and nothing else', async () => {
  const plain = readJpegPicture(await jpegOf(SIZE)).bytes
  const comment = withSegment(await jpegOf(SIZE), 0xfe, Buffer.from('hello'))
  const adobe = withSegment(comment, 0xee, adobeSegment(1))
  const jpeg = [0xe0, 0xe1, 0xef].reduce((bytes, code) => withSegment(bytes, code, plain), adobe)
  assert.deepEqual(readJpegPicture(jpeg).bytes, plain)
  assert.deepEqual([...plain.subarray(0, 2)], [0xff, 0xd8])
})

test('readJpegPicture adds the standard Huffman tables where there are none', async () => {
  const jpeg = withoutHuffman(await jpegOf(SIZE, { optimiseCoding: false }))
  const { bytes } = readJpegPicture(jpeg)
  assert.ok(holds(bytes, STANDARD_HUFFMAN_SEGMENT))
})

test('readJpegPicture adds no tables where there are some', async () => {
  const { bytes } = readJpegPicture(await jpegOf(SIZE, { optimiseCoding: true }))
  assert.ok(!holds(bytes, STANDARD_HUFFMAN_SEGMENT))
})

test('readJpegPicture passes over fill bytes and lone markers between segments', async () => {
  const jpeg = await jpegOf(SIZE)
  const filled = [jpeg.subarray(0, 2), Buffer.from('ff01ffd0ffd7ffffff', 'hex'), jpeg.subarray(2)]
  assert.equal(readJpegPicture(Buffer.concat(filled)).width, 41)
})

test('readJpegPicture takes nothing but an Adobe segment and all three names for RGB', async () => {
  const other = withSegment(await jpegOf(SIZE), 0xee, Buffer.alloc(20))
  assert.equal(readJpegPicture(other).chroma, 'halved')
  for (const index of [0, 1, 2]) {
    const named = await withFrameByte(9 + 3 * index, 'RGB'.charCodeAt(index))
    assert.equal(readJpegPicture(named).chroma, 'halved')
  }
})

test('readJpegPicture refuses RGB, by its Adobe segment or by its component names', async () => {
  const reason = 'unsupported JPEG: RGB; only YUV and grey'
  refuses(withSegment(await jpegOf(SIZE), 0xee, adobeSegment(0)), reason)
  const named = await jpegOf(SIZE)
  const components = segmentStart(named, 0xc0) + 10
  for (const [index, letter] of ['R', 'G', 'B'].entries()) {
    named[components + 3 * index] = letter.charCodeAt(0)
  }
  refuses(named, reason)
})

test('readJpegPicture accepts the Adobe segment of YUV', async () => {
  const jpeg = withSegment(await jpegOf(SIZE), 0xee, adobeSegment(1))
  assert.equal(readJpegPicture(jpeg).chroma, 'halved')
})

test('readJpegPicture refuses CMYK', async () => {
  const raw = { ...SIZE, channels: 3 as const }
  const jpeg = await sharp(softPicture(SIZE), { raw }).toColourspace('cmyk').jpeg().toBuffer()
  refuses(jpeg, 'unsupported JPEG: 4 color components; only YUV and grey')
})

test('readJpegPicture refuses a coding the decoder does not know, by name', async () => {
  const reason = 'unsupported JPEG: arithmetic coding; only baseline and progressive'
  refuses(await withFrameByte(0, 0xc9), reason)
})

test('readJpegPicture refuses 12 bit', async () => {
  refuses(await withFrameByte(3, 12), 'unsupported JPEG: 12 bit; only 8 bit')
})

test('readJpegPicture refuses a picture without rows or columns', async () => {
  refuses(await withFrameByte(7, 0), 'broken JPEG: 0x23')
  refuses(await withFrameByte(5, 0), 'broken JPEG: 41x0')
})

test('readJpegPicture refuses more components than the frame header holds', async () => {
  refuses(await withFrameByte(8, 4), 'broken JPEG: short frame header')
})

test('readJpegPicture refuses a picture without frame header or without data', () => {
  const scan = Uint8Array.of(0xff, 0xd8, 0xff, 0xda, 0, 3, 1, 0xff, 0xd9)
  refuses(scan, 'broken JPEG: no frame header')
  refuses(Uint8Array.of(0xff, 0xd8, 0xff, 0xd9), 'broken JPEG: no picture data')
})

function holds(bytes: Uint8Array, part: Uint8Array): boolean {
  return Buffer.from(bytes).includes(Buffer.from(part))
}

function withoutHuffman(jpeg: Buffer): Buffer {
  let rest = jpeg
  while (holds(rest.subarray(0, segmentStart(rest, 0xda)), Uint8Array.of(0xff, 0xc4))) {
    const start = segmentStart(rest, 0xc4)
    const end = start + 2 + rest.readUInt16BE(start + 2)
    rest = Buffer.concat([rest.subarray(0, start), rest.subarray(end)])
  }
  return rest
}
