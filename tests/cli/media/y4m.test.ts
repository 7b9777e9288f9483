// Goal: a Y4M stream gives its frames, cut into whatever chunks, and a broken one gives those before the damage.
// Method: files by hand; a property over random sizes, pixels and cuts.
import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { ByteReader } from '#src/cli/media/byte-reader.js'
import { openY4m } from '#src/cli/media/y4m.js'
import { countingReader, nextFrame, readAll, readUntilError } from './samples.js'
import { streamOf, y4mFile, y4mPixels } from './samples.js'

const SIZE = { width: 6, height: 4 }
const FRAME_BYTES = 36

function readerOf(bytes: Uint8Array): ByteReader {
  return countingReader(bytes).reader
}

async function refuses(bytes: Uint8Array, message: string): Promise<void> {
  const { reader, seen } = countingReader(bytes)
  await assert.rejects(openY4m(reader), { name: 'InputError', message })
  assert.equal(seen.closeCount, 1)
}

test('openY4m gives every frame in order', async () => {
  const source = await openY4m(readerOf(y4mFile({ ...SIZE, frameCount: 3 })))
  const expected = [0, 1, 2].map((index) => y4mPixels(SIZE, index))
  assert.deepEqual(await readAll(source), expected)
})

test('openY4m numbers the frames from 0', async () => {
  const source = await openY4m(readerOf(y4mFile({ ...SIZE, frameCount: 3 })))
  assert.deepEqual((await readUntilError(source)).indexes, [0, 1, 2])
})

test('openY4m rounds the chroma of odd sizes up', async () => {
  const size = { width: 3, height: 5 }
  const source = await openY4m(readerOf(y4mFile({ ...size, frameCount: 2 })))
  const frames = await readAll(source)
  assert.equal(frames[0]?.length, 15 + 2 * 6)
  assert.deepEqual(frames[1], y4mPixels(size, 1))
})

test('openY4m reads the same frames however the bytes are cut', async (t) => {
  const seed = randomInt(2 ** 31)
  t.diagnostic(`seed ${seed}`)
  const side = fc.integer({ min: 1, max: 9 })
  const clip = fc.record({ width: side, height: side, frameCount: fc.integer({ min: 1, max: 4 }) })
  const cuts = fc.array(fc.nat(1000), { maxLength: 60 })
  await fc.assert(
    fc.asyncProperty(clip, cuts, async (sample, positions) => {
      const bytes = y4mFile(sample)
      const sorted = positions.filter((cut) => cut < bytes.length).sort((a, b) => a - b)
      const reader = new ByteReader(streamOf(bytes, sorted), async () => {})
      const frames = await readAll(await openY4m(reader))
      const expected = Array.from(frames, (_, index) => y4mPixels(sample, index))
      assert.equal(frames.length, sample.frameCount)
      assert.deepEqual(frames, expected)
    }),
    { seed },
  )
})

test('openY4m has read no more than one chunk beyond the frame it gives', async () => {
  const file = y4mFile({ ...SIZE, frameCount: 50 })
  const { reader, seen } = countingReader(file, 10)
  const source = await openY4m(reader)
  const frames = source.frames()
  const firstFrameEnd = file.indexOf('FRAME') + 'FRAME\n'.length + FRAME_BYTES
  await frames.next()
  assert.ok(seen.readBytes >= firstFrameEnd && seen.readBytes < firstFrameEnd + 10)
  await source.close()
})

test('openY4m takes the rate it is told, then that of the header, then 25', async () => {
  const told = { frameRate: { numerator: 5, denominator: 2 } }
  const withRate = y4mFile({ ...SIZE, tags: 'F30:1' })
  const without = y4mFile({ ...SIZE, tags: 'Ip' })
  const rateOf = async (bytes: Uint8Array, options = {}) =>
    (await openY4m(readerOf(bytes), options)).format.frameRate
  assert.deepEqual(await rateOf(withRate, told), told.frameRate)
  assert.deepEqual(await rateOf(withRate), { numerator: 30, denominator: 1 })
  assert.deepEqual(await rateOf(without), { numerator: 25, denominator: 1 })
})

test('openY4m takes the HD matrix from 720 rows up', async () => {
  const matrixOf = async (height: number) =>
    (await openY4m(readerOf(y4mFile({ width: 1, height })))).format.matrix
  assert.equal(await matrixOf(719), 'bt601')
  assert.equal(await matrixOf(720), 'bt709')
})

test('openY4m delivers the frames before the one that is cut off', async () => {
  const file = y4mFile({ ...SIZE, frameCount: 8 })
  const source = await openY4m(readerOf(file.subarray(0, file.length - 1)))
  const { indexes, error } = await readUntilError(source)
  assert.deepEqual(indexes, [0, 1, 2, 3, 4, 5, 6])
  assert.equal(error?.name, 'InputError')
  assert.equal(error.message, 'cut off in frame 7: 35 of 36 bytes')
})

test('openY4m tells a frame without any byte from the end', async () => {
  const file = y4mFile({ ...SIZE, frameCount: 1 })
  const source = await openY4m(readerOf(Buffer.concat([file, Buffer.from('FRAME\n')])))
  assert.equal((await readUntilError(source)).error?.message, 'cut off in frame 1: 0 of 36 bytes')
})

test('openY4m tells a cut off FRAME line from the end', async () => {
  const file = y4mFile({ ...SIZE, frameCount: 1 })
  const source = await openY4m(readerOf(Buffer.concat([file, Buffer.from('FRA')])))
  const { indexes, error } = await readUntilError(source)
  assert.deepEqual(indexes, [0])
  assert.equal(error?.message, 'cut off in the FRAME line of frame 1')
})

test('openY4m passes over the parameters of a frame', async () => {
  const file = y4mFile({ ...SIZE, frameCount: 2 }).toString('latin1')
  const bytes = Buffer.from(file.replaceAll('FRAME\n', 'FRAME Ip XA=b\n'), 'latin1')
  const frames = await readAll(await openY4m(readerOf(bytes)))
  assert.deepEqual(frames[1], y4mPixels(SIZE, 1))
})

test('openY4m accepts a FRAME line of 1024 bytes and no longer one', async () => {
  const read = async (parameterBytes: number) => {
    const file = y4mFile({ ...SIZE, frameCount: 1 }).toString('latin1')
    const text = file.replace('FRAME', `FRAME ${'x'.repeat(parameterBytes)}`)
    return readUntilError(await openY4m(readerOf(Buffer.from(text, 'latin1'))))
  }
  assert.deepEqual((await read(1018)).indexes, [0])
  const { error } = await read(1019)
  assert.equal(error?.message, 'the FRAME line of frame 0 is longer than 1024 bytes')
})

for (const line of ['FRAMES', 'frame', '']) {
  test(`openY4m refuses ${JSON.stringify(line)} where a frame should begin`, async () => {
    const file = y4mFile({ ...SIZE, frameCount: 1 })
    const source = await openY4m(readerOf(Buffer.concat([file, Buffer.from(line + '\n')])))
    const { indexes, error } = await readUntilError(source)
    assert.deepEqual(indexes, [0])
    assert.equal(error?.message, 'frame 1 does not begin with FRAME')
  })
}

test('openY4m says so when there is a header and nothing else', async () => {
  const source = await openY4m(readerOf(y4mFile({ ...SIZE, frameCount: 0 })))
  assert.equal((await readUntilError(source)).error?.message, 'no frames: only a header')
})

test('openY4m closes the input when the header is refused', async () => {
  await refuses(y4mFile({ ...SIZE, tags: 'F0:0' }), 'bad frame rate in the Y4M header: F0:0')
})

test('openY4m refuses a header without end', async () => {
  await refuses(Buffer.from('YUV4MPEG2 W6 H4'), 'cut off in the Y4M header')
  await refuses(Buffer.alloc(2000, 'x'), 'the Y4M header is longer than 1024 bytes')
})

test('A frame of openY4m stays good after the next one was read and after close', async () => {
  const source = await openY4m(readerOf(y4mFile({ ...SIZE, frameCount: 2 })))
  const frames = source.frames()
  const frame = await nextFrame(frames)
  await nextFrame(frames)
  await source.close()
  const bytes = Buffer.alloc(FRAME_BYTES)
  const plane = { strideBytes: 3, rowCount: 2 }
  frame.writeTo(bytes, [
    { offsetBytes: 0, strideBytes: 6, rowCount: 4 },
    { offsetBytes: 24, ...plane },
    { offsetBytes: 30, ...plane },
  ])
  assert.deepEqual(bytes, y4mPixels(SIZE, 0))
})

test('A frame of openY4m leaves the padding of its target alone', async () => {
  const source = await openY4m(readerOf(y4mFile({ width: 3, height: 2, frameCount: 1 })))
  const frame = await nextFrame(source.frames())
  const bytes = Buffer.alloc(4 * 2 + 3 + 3, 255)
  frame.writeTo(bytes, [
    { offsetBytes: 0, strideBytes: 4, rowCount: 2 },
    { offsetBytes: 8, strideBytes: 3, rowCount: 1 },
    { offsetBytes: 11, strideBytes: 3, rowCount: 1 },
  ])
  assert.deepEqual([...bytes], [0, 7, 14, 255, 21, 28, 35, 255, 42, 49, 255, 56, 63, 255])
  await source.close()
})

test('A frame of openY4m refuses planes that are too small', async () => {
  const source = await openY4m(readerOf(y4mFile({ ...SIZE, frameCount: 1 })))
  const frame = await nextFrame(source.frames())
  assert.throws(() => {
    frame.writeTo(Buffer.alloc(FRAME_BYTES), [])
  }, RangeError)
  await source.close()
})
