// Goal: text fits its columns, and no word is cut.
// Method: widths on both sides of each break.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { wrapWords } from '#src/cli/doctor/wrap-words.js'

test('wrapWords breaks where the next word does not fit any more', () => {
  assert.deepEqual(wrapWords('one two three', 7), ['one two', 'three'])
  assert.deepEqual(wrapWords('one two three', 6), ['one', 'two', 'three'])
  assert.deepEqual(wrapWords('one two three', 13), ['one two three'])
  assert.deepEqual(wrapWords('one two three', Infinity), ['one two three'])
})

test('wrapWords leaves a word that is too long in one piece, on a line of its own', () => {
  assert.deepEqual(wrapWords('a /dev/dma_heap/system b', 5), ['a', '/dev/dma_heap/system', 'b'])
})

test('wrapWords makes one line of nothing', () => {
  assert.deepEqual(wrapWords('', 5), [''])
})
