// Goal: bytes come out as they went in, however they were cut, and no more is read than was asked for.
// Method: chunks by hand; the reader's source counts what was taken from it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ByteReader } from '#src/cli/media/byte-reader.js'
import { countingReader, streamOf } from './samples.js'

const bytes = Buffer.from('0123456789')

function readerOf(text: string, cuts: number[] = []): ByteReader {
  return new ByteReader(streamOf(Buffer.from(text), cuts), async () => {})
}

test('ByteReader.peek joins chunks and leaves the bytes to be read', async () => {
  const reader = readerOf('0123456789', [1, 2, 7])
  assert.equal(String(await reader.peek(5)), '01234')
  assert.equal(String(await reader.peek(2)), '01')
  const target = Buffer.alloc(10)
  assert.equal(await reader.fill(target), 10)
  assert.equal(String(target), '0123456789')
})

test('ByteReader.peek gives what there is when the input ends before', async () => {
  const reader = readerOf('012')
  assert.equal(String(await reader.peek(3)), '012')
  assert.equal(String(await reader.peek(4)), '012')
})

test('ByteReader.peek reads no chunk that it does not need', async () => {
  const { reader, seen } = countingReader(bytes, 3)
  await reader.peek(3)
  assert.equal(seen.readBytes, 3)
  await reader.peek(4)
  assert.equal(seen.readBytes, 6)
})

test('ByteReader.fill takes no byte behind the target', async () => {
  const { reader, seen } = countingReader(bytes, 4)
  const target = Buffer.alloc(4)
  assert.equal(await reader.fill(target), 4)
  assert.equal(seen.readBytes, 4)
  assert.equal(await reader.fill(target), 4)
  assert.equal(String(target), '4567')
})

test('ByteReader.fill leaves the rest of a chunk to be read', async () => {
  const reader = readerOf('0123456789', [4])
  const target = Buffer.alloc(6)
  assert.equal(await reader.fill(target), 6)
  assert.equal(String(target), '012345')
  assert.equal(String(await reader.readChunk()), '6789')
})

test('ByteReader.readChunk gives the last byte of a chunk, too', async () => {
  const reader = readerOf('0123', [3])
  await reader.fill(Buffer.alloc(2))
  assert.equal(String(await reader.readChunk()), '2')
})

test('ByteReader.fill counts the bytes before the end of the input', async () => {
  const reader = readerOf('0123456789', [4])
  assert.equal(await reader.fill(Buffer.alloc(11)), 10)
  assert.equal(await reader.fill(Buffer.alloc(1)), 0)
})

test('ByteReader.readLine takes the newline and nothing behind it', async () => {
  const reader = readerOf('one\ntwo\n\nrest', [2, 3, 5])
  assert.deepEqual(await reader.readLine(10), { text: 'one', end: 'newline' })
  assert.deepEqual(await reader.readLine(10), { text: 'two', end: 'newline' })
  assert.deepEqual(await reader.readLine(10), { text: '', end: 'newline' })
  assert.deepEqual(await reader.readLine(10), { text: 'rest', end: 'input' })
  assert.equal(await reader.readLine(10), undefined)
})

test('ByteReader.readLine accepts a line of exactly the limit', async () => {
  for (const cuts of [[], [3], [4]]) {
    assert.deepEqual(await readerOf('1234\n', cuts).readLine(4), { text: '1234', end: 'newline' })
  }
})

test('ByteReader.readLine gives up one byte above the limit', async () => {
  for (const cuts of [[], [3], [4], [5]]) {
    assert.deepEqual(await readerOf('12345\n', cuts).readLine(4), { text: '1234', end: 'limit' })
  }
})

test('ByteReader.readLine does not read on for ever to find a newline', async () => {
  const { reader, seen } = countingReader(Buffer.alloc(1000, 'x'), 10)
  await reader.readLine(25)
  assert.equal(seen.readBytes, 30)
})

test('ByteReader.readLine keeps every byte a character', async () => {
  assert.equal((await readerOf('\xe4\n').readLine(10))?.text.length, 2)
})

test('ByteReader.readChunk passes over empty chunks', async () => {
  assert.equal(String(await readerOf('ab', [0, 0]).readChunk()), 'ab')
})

test('ByteReader.unread is read before the next chunk', async () => {
  const reader = readerOf('0123456789', [5])
  const chunk = await reader.readChunk()
  assert.ok(chunk)
  reader.unread(chunk.subarray(3))
  assert.equal(String(await reader.readChunk()), '34')
  assert.equal(String(await reader.readChunk()), '56789')
})

test('ByteReader.close releases the input once, and the reader reads as ended', async () => {
  const { reader, seen } = countingReader(bytes, 5)
  await reader.peek(1)
  await reader.close()
  await reader.close()
  assert.equal(seen.closeCount, 1)
  assert.equal(await reader.readChunk(), undefined)
  assert.equal(await reader.readLine(5), undefined)
  assert.equal(await reader.fill(Buffer.alloc(1)), 0)
  assert.equal((await reader.peek(1)).length, 0)
  assert.equal(seen.readBytes, 5)
})

test('ByteReader.close ends a read that waits, even if the input then fails', async () => {
  let fail: (error: Error) => void = () => {}
  const waiting = new Promise<never>((_, reject) => (fail = reject))
  const chunks = { [Symbol.asyncIterator]: () => ({ next: () => waiting }) }
  const reader = new ByteReader(chunks, async () => {
    fail(new Error('Premature close'))
  })
  const read = reader.readChunk()
  await reader.close()
  assert.equal(await read, undefined)
})

test('ByteReader reports a failing input in one line', async () => {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield bytes
    throw new Error('EIO: i/o error, read')
  }
  const reader = new ByteReader(chunks(), async () => {})
  await reader.readChunk()
  await assert.rejects(reader.readChunk(), {
    name: 'InputError',
    message: 'cannot read the input: EIO: i/o error, read',
  })
})
