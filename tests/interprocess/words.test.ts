// Goal: a word is 32 signed bits that every mapping of the page sees.
// Method: two views of one SharedArrayBuffer.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ArrayWords } from '#src/interprocess/words.js'

test('ArrayWords over one memory see what the others store and write', () => {
  const memory = new SharedArrayBuffer(16)
  const [one, other] = [new ArrayWords(memory), new ArrayWords(memory)]
  assert.equal(one.length, 4)
  one.store(1, 7)
  one.write(3, -1)
  assert.deepEqual([other.load(1), other.read(1), other.load(3), other.read(3)], [7, 7, -1, -1])
})

test('A word keeps the low 32 bits of what is put into it', () => {
  const words = new ArrayWords(new ArrayBuffer(4))
  for (const [value, kept] of [
    [2 ** 31 - 1, 2 ** 31 - 1],
    [2 ** 31, -(2 ** 31)],
    [2 ** 32 - 1, -1],
    [2 ** 32 + 5, 5],
  ] as const) {
    words.store(0, value)
    assert.equal(words.load(0), kept)
    words.write(0, value)
    assert.equal(words.read(0), kept)
  }
})

test('ArrayWords start at zero, and need whole words', () => {
  assert.equal(new ArrayWords(new ArrayBuffer(4)).load(0), 0)
  assert.throws(() => new ArrayWords(new ArrayBuffer(6)), RangeError)
})
