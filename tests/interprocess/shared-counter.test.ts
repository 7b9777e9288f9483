// Goal: a counter in two words is read by strangers without ever being too large or going back.
// Method: one side runs between any two accesses of the other; hostile words at random.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CounterReader } from '#src/interprocess/shared-counter.js'
import { storeNumber } from '#src/interprocess/two-words.js'
import { HookedWords, interruptAt, wordsOf } from '../helpers/hooked-words.js'

const WRAP = 2 ** 32
const LAST = Number.MAX_SAFE_INTEGER
const EDGES = [0, 1, WRAP / 2 - 1, WRAP / 2, WRAP - 1, WRAP, WRAP + 1, 3 * WRAP - 1, 3 * WRAP, LAST]

const rising = fc
  .array(fc.oneof(fc.constantFrom(...EDGES), fc.maxSafeNat()), { minLength: 1, maxLength: 12 })
  .map((values) => [...new Set(values)].sort((a, b) => a - b))

test('storeNumber and CounterReader agree on every safe integer', () => {
  fc.assert(
    fc.property(rising, (values) => {
      const words = wordsOf(4)
      const reader = new CounterReader(words, 1)
      for (const value of values) {
        storeNumber(words, 1, value)
        assert.equal(reader.load(), value)
        assert.equal(new CounterReader(words, 1).load(), value)
      }
      assert.deepEqual([words.load(0), words.load(3)], [0, 0], 'Words beside the counter')
    }),
  )
})

test('A reader between the two stores sees a value too small, never too large', () => {
  fc.assert(
    fc.property(rising, (values) => {
      const words = wordsOf(2)
      const old = new CounterReader(words, 0)
      let last = 0
      for (const value of values) {
        const look = (): void => {
          assert.ok(new CounterReader(words, 0).load() <= value, 'A reader that has just come')
          const seen = old.load()
          assert.ok(last <= seen && seen <= value, `${last} <= ${seen} <= ${value}`)
        }
        storeNumber(new HookedWords(words, look), 0, value)
        look()
        assert.equal(old.load(), value)
        last = value
      }
    }),
  )
})

test('A store between the two loads makes the value too small or right, never too large', () => {
  fc.assert(
    fc.property(rising, rising, fc.nat(2), (before, after, at) => {
      const words = wordsOf(2)
      let stored = before.at(-1)!
      storeNumber(words, 0, stored)
      const next = after.filter((value) => value > stored)
      const hooked = interruptAt(words, at, () => {
        for (const value of next) storeNumber(words, 0, (stored = value))
      })
      const floor = stored
      const reader = new CounterReader(hooked, 0, floor)
      const seen = reader.load()
      assert.ok(floor <= seen && seen <= stored, `${floor} <= ${seen} <= ${stored}`)
      assert.equal(reader.load(), stored, 'The next look finds it')
    }),
  )
})

test('CounterReader starts at its floor, and latest does not look', () => {
  const words = wordsOf(2)
  const reader = new CounterReader(words, 0, 9)
  storeNumber(words, 0, 8)
  assert.equal(reader.load(), 9)
  storeNumber(words, 0, 10)
  assert.equal(reader.latest, 9)
  assert.equal(reader.load(), 10)
  assert.equal(reader.latest, 10)
})

test('CounterReader takes 2^53 - 1, and nothing above', () => {
  const words = wordsOf(2)
  const reader = new CounterReader(words, 0, 3)
  for (const [high, low] of [
    [2 ** 21, 0],
    [2 ** 31 - 1, -1],
    [-1, -1],
    [-(2 ** 31), 0],
  ] as const) {
    words.store(0, low)
    words.store(1, high)
    assert.equal(reader.load(), 3, `high ${high}, low ${low}`)
  }
  words.store(0, -1)
  words.store(1, 2 ** 21 - 1)
  assert.equal(reader.load(), LAST)
})

test('Whatever a stranger writes, the value is a safe integer that never goes back', () => {
  const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
  fc.assert(
    fc.property(fc.array(fc.tuple(word, word)), (pairs) => {
      const words = wordsOf(2)
      const reader = new CounterReader(words, 0)
      let last = 0
      for (const [low, high] of pairs) {
        words.store(0, low)
        words.store(1, high)
        const value = reader.load()
        assert.ok(Number.isSafeInteger(value) && value >= last)
        last = value
      }
    }),
  )
})
