// Goal: a wish is granted by the step of the counter that reaches it, by no other, across 2^31 and 2^32.
// Method: counters around the limits; random ones against whole numbers (seeds are printed by fast-check).
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isGranted, reachable, wishOf } from '#src/interprocess/seqno-wish.js'

test('isGranted is true for the step that reaches the wish and for no other', () => {
  for (const base of [1, 2 ** 31 - 3, 2 ** 31, 2 ** 32 - 3, 2 ** 32, 2 ** 40 + 2 ** 31 - 2]) {
    const wish = wishOf(base + 3)
    assert.equal(isGranted(wish, base, base + 2), false, 'Not yet')
    assert.equal(isGranted(wish, base + 2, base + 3), true, 'Now')
    assert.equal(isGranted(wish, base, base + 9), true, 'On the way')
    assert.equal(isGranted(wish, base + 3, base + 4), false, 'Before')
  }
})

test('isGranted is never true for the wish 0', () => {
  assert.equal(isGranted(0, 0, 5), false)
  assert.equal(isGranted(0, 0, 2 ** 33), false)
})

test('isGranted is true for a step over 2^29 or more, wherever it leads', () => {
  const wish = wishOf(7)
  for (const step of [2 ** 29, 2 ** 31, 2 ** 32, 2 ** 52])
    assert.equal(isGranted(wish, 3, 3 + step), true)
})

test('wishOf is an odd 32-bit number, so never 0', () => {
  for (const seqno of [1, 2 ** 31, 2 ** 32, 2 ** 52 + 2 ** 31]) {
    assert.equal(wishOf(seqno), wishOf(seqno) | 0)
    assert.equal(wishOf(seqno) & 1, 1)
  }
})

test('A wish for any seqno leads there in steps, and each is granted once', () => {
  const seqnos = fc.integer({ min: 0, max: 2 ** 40 })
  fc.assert(
    fc.property(seqnos, fc.integer({ min: 1, max: 2 ** 34 }), (from, distance) => {
      const seqno = from + distance
      for (let latest = from, steps = 0; latest < seqno; steps++) {
        const target = reachable(seqno, latest)
        assert.ok(target > latest && target <= seqno && target - latest <= 2 ** 29)
        assert.ok(steps < 100)
        assert.equal(isGranted(wishOf(target), target - 1, target), true)
        assert.equal(isGranted(wishOf(target), target, target + 1), false)
        latest = target
      }
    }),
  )
})
