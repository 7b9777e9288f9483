// Goal: concatenated JPEGs become YU12 frames with the right colours, and damage is named by its frame.
// Method: pictures by sharp; sharp's own decoder says what they should look like.
import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import sharp from 'sharp'
import { ByteReader } from '#src/cli/media/byte-reader.js'
import { openMjpeg } from '#src/cli/media/mjpeg.js'
import { packedPlanes } from '#src/cli/media/yu12.js'
import { drawThumbnail } from '#src/cli/media/thumbnail.js'
import {
  adobeSegment,
  countingReader,
  greyJpegOf,
  jpegOf,
  readAll,
  readUntilError,
} from './samples.js'
import { nextFrame, segmentStart, streamOf, withSegment } from './samples.js'

const SIZE = { width: 48, height: 32 }
const PREFIX = Uint8Array.of(0xff)

async function open(...pictures: Uint8Array[]) {
  return openMjpeg(countingReader(Buffer.concat(pictures)).reader)
}

async function decodeOne(jpeg: Uint8Array): Promise<Buffer> {
  const [frame] = await readAll(await open(jpeg))
  assert.ok(frame)
  return frame
}

async function refuses(bytes: Uint8Array, message: string | RegExp): Promise<void> {
  const { reader, seen } = countingReader(bytes)
  await assert.rejects(openMjpeg(reader), { name: 'InputError', message })
  assert.equal(seen.closeCount, 1)
}

/** Mean difference of the RGB that we and that sharp make of a JPEG. */
async function differenceToSharp(jpeg: Buffer): Promise<number> {
  const source = await open(jpeg)
  const { format } = source
  const [bytes] = await readAll(source)
  assert.ok(bytes)
  const grid = { columns: format.width, rows: format.height }
  const ours = drawThumbnail({ bytes, planes: packedPlanes(format) }, format, grid)
  const theirs = await sharp(jpeg).toColourspace('srgb').raw().toBuffer()
  assert.equal(ours.length, theirs.length)
  return ours.reduce((sum, byte, index) => sum + Math.abs(byte - theirs[index]!), 0) / ours.length
}

test('openMjpeg states the first picture’s size, full range and BT.601', async () => {
  const source = await open(await jpegOf(SIZE))
  assert.deepEqual(source.format, {
    ...SIZE,
    frameRate: { numerator: 25, denominator: 1 },
    range: 'full',
    matrix: 'bt601',
  })
})

test('openMjpeg takes the rate it is told', async () => {
  const frameRate = { numerator: 30, denominator: 1 }
  const { reader } = countingReader(await jpegOf(SIZE))
  assert.deepEqual((await openMjpeg(reader, { frameRate })).format.frameRate, frameRate)
})

for (const chromaSubsampling of ['4:2:0', '4:4:4']) {
  for (const size of [SIZE, { width: 47, height: 31 }, { width: 1, height: 1 }]) {
    const name = `${size.width}x${size.height} ${chromaSubsampling}`
    test(`openMjpeg decodes ${name} to the colours that sharp sees`, async () => {
      assert.ok((await differenceToSharp(await jpegOf(size, { chromaSubsampling }))) < 2.5)
    })
  }
}

test('openMjpeg decodes a progressive picture to the same bytes as a baseline one', async () => {
  const progressive = await decodeOne(await jpegOf(SIZE, { progressive: true }))
  assert.deepEqual(progressive, await decodeOne(await jpegOf(SIZE)))
})

test('openMjpeg gives a grey picture chroma without color', async () => {
  const jpeg = await greyJpegOf(SIZE)
  const frame = await decodeOne(jpeg)
  assert.ok(frame.subarray(48 * 32).every((byte) => byte === 128))
  assert.ok((await differenceToSharp(jpeg)) < 2)
})

test('openMjpeg gives YUV also where an Adobe segment would make the decoder give RGB', async () => {
  const jpeg = await jpegOf(SIZE)
  assert.deepEqual(await decodeOne(withSegment(jpeg, 0xee, adobeSegment(1))), await decodeOne(jpeg))
})

test('openMjpeg decodes pictures whose Huffman tables were left out', async () => {
  const jpeg = await jpegOf(SIZE, { optimiseCoding: false })
  const tables = segmentStart(jpeg, 0xc4)
  const scan = segmentStart(jpeg, 0xda)
  const bare = Buffer.concat([jpeg.subarray(0, tables), jpeg.subarray(scan)])
  assert.deepEqual(await decodeOne(bare), await decodeOne(jpeg))
})

test('openMjpeg is not misled by a thumbnail', async () => {
  const thumbnail = await jpegOf({ width: 8, height: 8 })
  const jpeg = withSegment(await jpegOf(SIZE), 0xe1, thumbnail)
  const { indexes, error } = await readUntilError(await open(jpeg, jpeg))
  assert.deepEqual(indexes, [0, 1])
  assert.equal(error, undefined)
})

test('openMjpeg reads the same frames however the bytes are cut', async (t) => {
  const seed = randomInt(2 ** 31)
  t.diagnostic(`seed ${seed}`)
  const pictures = [await jpegOf(SIZE), await jpegOf(SIZE, { quality: 30 })]
  const bytes = Buffer.concat(pictures)
  const expected = await readAll(await open(...pictures))
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(bytes.length - 1), { maxLength: 100 }), async (cuts) => {
      const stream = streamOf(
        bytes,
        cuts.toSorted((a, b) => a - b),
      )
      const source = await openMjpeg(new ByteReader(stream, async () => {}))
      assert.deepEqual(await readAll(source), expected)
    }),
    { seed, numRuns: 50 },
  )
})

test('openMjpeg passes over zeros behind a picture, also in chunks of their own', async () => {
  const jpeg = await jpegOf(SIZE)
  const { reader } = countingReader(
    Buffer.concat([jpeg, Buffer.alloc(3000), jpeg, Buffer.alloc(9)]),
    99,
  )
  assert.deepEqual((await readUntilError(await openMjpeg(reader))).indexes, [0, 1])
})

test('openMjpeg has read no more than one chunk beyond the picture it gives', async () => {
  const jpeg = await jpegOf(SIZE)
  const { reader, seen } = countingReader(Buffer.concat([jpeg, jpeg, jpeg]), 50)
  const source = await openMjpeg(reader)
  await source.frames().next()
  assert.ok(seen.readBytes < jpeg.length + 50)
  await source.close()
})

test('openMjpeg delivers the frames before the one that is cut off', async () => {
  const jpeg = await jpegOf(SIZE)
  const source = await open(jpeg, jpeg, jpeg.subarray(0, 100))
  const { indexes, error } = await readUntilError(source)
  assert.deepEqual(indexes, [0, 1])
  assert.equal(error?.name, 'InputError')
  assert.equal(error.message, 'frame 2: cut off after 100 bytes')
})

for (const [width, height] of [
  [32, 32],
  [48, 48],
] as const) {
  test(`openMjpeg refuses a frame of ${width}x${height} behind one of 48x32`, async () => {
    const source = await open(await jpegOf(SIZE), await jpegOf({ width, height }))
    const { indexes, error } = await readUntilError(source)
    assert.deepEqual(indexes, [0])
    assert.equal(error?.message, `frame 1 is ${width}x${height}, but the first is 48x32`)
  })
}

test('A frame of openMjpeg refuses planes that are too small', async () => {
  const source = await open(await jpegOf(SIZE))
  const frame = await nextFrame(source.frames())
  const planes = packedPlanes(SIZE)
  assert.throws(() => frame.writeTo(new Uint8Array(48 * 32), planes), RangeError)
  await source.close()
})

test('openMjpeg gives up on a picture without end', async () => {
  async function* comments(): AsyncGenerator<Uint8Array> {
    yield Uint8Array.of(0xff, 0xd8, 0xff)
    for (;;) yield Buffer.concat([Uint8Array.of(0xfe, 0xff, 0xff), Buffer.alloc(0xfffd), PREFIX])
  }
  const reader = new ByteReader(comments(), async () => {})
  await assert.rejects(openMjpeg(reader), { message: 'frame 0: more than 67108864 bytes' })
})

test('openMjpeg names the frame that is followed by something else', async () => {
  const source = await open(await jpegOf(SIZE), Buffer.from('--boundary'))
  const { error } = await readUntilError(source)
  assert.equal(error?.message, 'frame 1: broken JPEG: 2d instead of ff (start)')
})

test('openMjpeg names the frame whose pixels are damaged', async () => {
  const jpeg = await jpegOf(SIZE)
  const damaged = Buffer.from(jpeg)
  damaged.set([0xff, 0xd3], segmentStart(jpeg, 0xda) + 60)
  const { indexes, error } = await readUntilError(await open(jpeg, damaged))
  assert.deepEqual(indexes, [0])
  assert.equal(error?.name, 'InputError')
  assert.match(error.message, /^frame 1: broken JPEG: /)
})

test('openMjpeg refuses a picture that would take too much memory, before decoding it', async () => {
  const jpeg = await jpegOf(SIZE)
  const sizeStart = segmentStart(jpeg, 0xc0) + 5
  jpeg.set([0x20, 0, 0x20, 0], sizeStart) // 8192 x 8192
  await refuses(jpeg, 'frame 0: 8192x8192 is too large: at most 40 million pixels')
})

test('openMjpeg closes the input when the first picture is refused', async () => {
  await refuses(Buffer.from('hello'), 'frame 0: broken JPEG: 68 instead of ff (start)')
  await refuses(Buffer.alloc(0), 'no frames: the input is empty')
})
