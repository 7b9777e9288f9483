// Goal: four usages in one order, and the question that everybody asks the wrong way round.
// Method: tables.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { USAGES, usageOrder, usageToWaitFor, type Usage } from '#src/core/reservation/usage.js'

const ORDER: readonly (readonly [Usage, number])[] = [
  ['kernel', 0],
  ['write', 1],
  ['read', 2],
  ['bookkeep', 3],
]

for (const [usage, order] of ORDER) {
  test(`usageOrder: ${usage} is ${order} [C-4, RESV-1]`, () => {
    assert.equal(usageOrder(usage), order)
    assert.equal(USAGES[order], usage)
  })
}

for (const wrong of ['', 'WRITE', 1, null, undefined]) {
  test(`usageOrder refuses ${String(wrong) || 'nothing'}`, () => {
    assert.throws(() => usageOrder(wrong as unknown as Usage), TypeError)
  })
}

test('USAGES has the four usages and cannot be changed [RESV-2]', () => {
  assert.deepEqual(USAGES, ['kernel', 'write', 'read', 'bookkeep'])
  assert.throws(() => (USAGES as Usage[]).push('read'), TypeError)
})

test('usageToWaitFor: a writer waits for readers, too, a reader for writers only [RESV-3, MIS-2]', () => {
  assert.equal(usageToWaitFor(true), 'read')
  assert.equal(usageToWaitFor(false), 'write')
})
