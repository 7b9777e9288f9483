// Goal: of two fences of one timeline it is known which is later, also where seqnos wrap.
// Method: tables of seqnos, on both sides of where 32 bits end.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { signalFence } from '#src/core/fence/fence.js'
import { isLater, isLaterOrSame, laterFence } from '#src/core/fence/order.js'
import { mockFence } from '../../helpers/mock-fence.js'
import { collectWarnings } from '../../helpers/warnings.js'

const WIDE = { use64BitSeqno: true }
const TOP = 2 ** 32

for (const { a, b, narrow, wide } of [
  { a: 2, b: 1, narrow: true, wide: true },
  { a: 1, b: 2, narrow: false, wide: false },
  { a: 5, b: 5, narrow: false, wide: false },
  { a: 1, b: TOP - 1, narrow: true, wide: false },
  { a: TOP - 1, b: 1, narrow: false, wide: true },
  { a: 2 ** 31 - 1, b: 0, narrow: true, wide: true },
  { a: 2 ** 31, b: 0, narrow: false, wide: true },
  { a: TOP + 1, b: 1, narrow: false, wide: true },
  { a: TOP * 3 + 9, b: TOP * 7 + 8, narrow: true, wide: false },
]) {
  test(`isLater(${a}, ${b}): 32 bits ${narrow}, 64 bits ${wide} [FENCE-6, PORT-1]`, () => {
    assert.equal(isLater(mockFence({}, 1, a), mockFence({}, 1, b)), narrow)
    assert.equal(isLater(mockFence(WIDE, 1, a), mockFence(WIDE, 1, b)), wide)
  })
}

test('isLater goes by the width of the first one [FENCE-6]', () => {
  assert.equal(isLater(mockFence(WIDE, 1, 1), mockFence({}, 1, TOP - 1)), false)
  assert.equal(isLater(mockFence({}, 1, 1), mockFence(WIDE, 1, TOP - 1)), true)
})

test('isLater of different contexts warns and is false, either way round [FENCE-6]', () => {
  using warnings = collectWarnings()
  const [a, b] = [mockFence({}, 1, 1), mockFence({}, 2, 2)]
  assert.deepEqual([isLater(a, b), isLater(b, a), isLaterOrSame(b, a)], [false, false, false])
  assert.deepEqual(warnings.rules, ['FENCE-6', 'FENCE-6', 'FENCE-6'])
})

test('isLaterOrSame allows the same fence, not another of the same seqno [FENCE-6]', () => {
  const fence = mockFence()
  assert.equal(isLaterOrSame(fence, fence), true)
  assert.equal(isLaterOrSame(fence, mockFence()), false)
  assert.equal(isLaterOrSame(mockFence({}, 1, 8), fence), true)
})

test('laterFence is the later one, whichever comes first; of equal ones the second [FENCE-7]', () => {
  const [old, recent, equal] = [mockFence({}, 1, 1), mockFence({}, 1, 2), mockFence({}, 1, 2)]
  assert.equal(laterFence(old, recent), recent)
  assert.equal(laterFence(recent, old), recent)
  assert.equal(laterFence(recent, equal), equal)
})

test('laterFence is nothing once the later one has signalled, also where its creator says so only now [FENCE-7]', () => {
  const [old, recent] = [mockFence({}, 1, 1), mockFence({}, 1, 2)]
  signalFence(recent)
  assert.equal(laterFence(old, recent), undefined)
  assert.equal(laterFence(recent, old), undefined)
  assert.equal(laterFence(old, mockFence({ isSignaled: () => true }, 1, 2)), undefined)
  signalFence(old)
  const pending = mockFence({}, 1, 3)
  assert.equal(laterFence(old, pending), pending)
})

test('laterFence of different contexts warns and is nothing [FENCE-7]', () => {
  using warnings = collectWarnings()
  assert.equal(laterFence(mockFence({}, 1), mockFence({}, 2)), undefined)
  assert.equal(warnings.list.length, 1)
})
