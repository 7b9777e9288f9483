// Goal: numbers of up to 53 bits come out of two words as they went in, and what strangers wrote is never negative.
// Method: every edge, safe integers at random, any two words; accesses are recorded.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { loadNumber, readNumber, storeNumber, writeNumber } from '#src/interprocess/two-words.js'
import type { Words } from '#src/interprocess/words.js'
import { HookedWords, wordsOf } from '../helpers/hooked-words.js'

const WRAP = 2 ** 32
const LAST = Number.MAX_SAFE_INTEGER
const EDGES = [0, 1, WRAP / 2 - 1, WRAP / 2, WRAP - 1, WRAP, (3 * WRAP) / 2, 3 * WRAP - 1, LAST]
const number = fc.oneof(fc.constantFrom(...EDGES), fc.maxSafeNat())

const PAIRS = [
  { name: 'writeNumber and readNumber', put: writeNumber, get: readNumber },
  { name: 'storeNumber and loadNumber', put: storeNumber, get: loadNumber },
] as const

for (const { name, put, get } of PAIRS) {
  test(`${name} agree on every safe integer, whatever was there before`, () => {
    fc.assert(
      fc.property(fc.array(number, { minLength: 1 }), (values) => {
        const words = wordsOf(4)
        for (const value of values) {
          put(words, 1, value)
          assert.equal(get(words, 1), value)
        }
        assert.deepEqual([words.read(0), words.read(3)], [0, 0], 'Words beside the number')
      }),
    )
  })
}

test('The low word comes first, as four little-endian bytes', () => {
  const buffer = new ArrayBuffer(8)
  const words = wordsOf(2)
  storeNumber(words, 0, 0x1_8000_0002)
  new Int32Array(buffer).set([words.read(0), words.read(1)])
  assert.equal(new DataView(buffer).getBigUint64(0, true), 0x1_8000_0002n)
})

test('Words that a stranger wrote make a number from 0 on, or one that is no safe integer', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer(), (low, high) => {
      const words = wordsOf(2)
      words.write(0, low)
      words.write(1, high)
      const exact = (BigInt(high >>> 0) << 32n) + BigInt(low >>> 0)
      for (const value of [loadNumber(words, 0), readNumber(words, 0)]) {
        assert.ok(value >= 0)
        if (exact <= BigInt(LAST)) assert.equal(BigInt(value), exact)
        else assert.ok(!Number.isSafeInteger(value))
      }
    }),
  )
})

test('storeNumber stores the low word, and the high word only when it changes', () => {
  const words = wordsOf(2)
  const stored: number[] = []
  const hooked = new HookedWords(words, ({ kind, index }) => {
    if (kind === 'store') stored.push(index)
  })
  for (const value of [5, WRAP - 1, WRAP, WRAP + 1]) storeNumber(hooked, 0, value)
  assert.deepEqual(stored, [0, 0, 0, 1, 0])
})

test('loadNumber loads the high word first; plain numbers make no atomic access', () => {
  const accesses: string[] = []
  const words: Words = new HookedWords(wordsOf(2), ({ kind, index }) => {
    accesses.push(`${kind} ${index}`)
  })
  loadNumber(words, 0)
  assert.deepEqual(accesses.splice(0), ['load 1', 'load 0'])
  writeNumber(words, 0, WRAP + 6)
  readNumber(words, 0)
  assert.deepEqual(accesses, ['write 0', 'write 1', 'read 1', 'read 0'])
})
