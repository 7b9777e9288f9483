// Goal: the tables are those of the standard.
// Method: libjpeg, told not to make its own tables, writes them into every file.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { STANDARD_HUFFMAN_SEGMENT } from '#src/cli/media/standard-huffman.js'
import { jpegOf } from './samples.js'

test('STANDARD_HUFFMAN_SEGMENT holds the four tables that libjpeg writes', async () => {
  const jpeg = await jpegOf({ width: 16, height: 16 }, { optimiseCoding: false })
  const tables: Buffer[] = []
  for (let at = 2; jpeg[at + 1] !== 0xda; at += 2 + jpeg.readUInt16BE(at + 2)) {
    if (jpeg[at + 1] === 0xc4)
      tables.push(jpeg.subarray(at + 4, at + 2 + jpeg.readUInt16BE(at + 2)))
  }
  assert.equal(tables.length, 4)
  assert.deepEqual(STANDARD_HUFFMAN_SEGMENT.subarray(4), Buffer.concat(tables))
})

test('STANDARD_HUFFMAN_SEGMENT begins with its marker and its length', () => {
  const segment = Buffer.from(STANDARD_HUFFMAN_SEGMENT)
  assert.equal(segment.readUInt16BE(0), 0xffc4)
  assert.equal(segment.readUInt16BE(2), segment.length - 2)
})
