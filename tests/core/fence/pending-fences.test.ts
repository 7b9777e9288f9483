// Goal: pending fences leave in the order of their seqnos, and of their coming where those are equal.
// Method: random comings and goings against a sorted array.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { PendingFences } from '#src/core/fence/pending-fences.js'
import type { Fence } from '#src/core/fence/fence.js'
import { mockFence } from '../../helpers/mock-fence.js'

function takeAll(pending: PendingFences, upTo: number): readonly Fence[] {
  const taken: Fence[] = []
  for (let next = pending.takeUpTo(upTo); next !== undefined; next = pending.takeUpTo(upTo))
    taken.push(next)
  return taken
}

test('PendingFences is a sorted list for any order of coming [FENCE-5]', () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ add: fc.nat(30) }) },
    { weight: 1, arbitrary: fc.record({ upTo: fc.nat(34) }) },
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: 'max' }), (steps) => {
      const pending = new PendingFences()
      let model: Fence[] = []
      for (const now of steps) {
        if ('add' in now) {
          const fence = mockFence({}, 1, now.add)
          pending.add(fence)
          model.push(fence)
        } else {
          // Sorting is stable: equal ones stay in the order of their coming.
          const due = model.filter(({ seqno }) => seqno <= now.upTo)
          model = model.filter(({ seqno }) => seqno > now.upTo)
          const sorted = due.sort((a, b) => a.seqno - b.seqno)
          const taken = takeAll(pending, now.upTo)
          assert.equal(taken.length, sorted.length)
          assert.ok(taken.every((fence, at) => fence === sorted[at]))
        }
        assert.equal(pending.isEmpty, model.length === 0)
        const lowest = model.length === 0 ? undefined : Math.min(...model.map((f) => f.seqno))
        assert.equal(pending.firstSeqno, lowest)
      }
    }),
  )
})

test('PendingFences keeps its order while much more is taken than it keeps', () => {
  const pending = new PendingFences()
  let coming = 0
  let going = 0
  for (let turn = 0; turn < 60; turn++) {
    for (let i = 0; i < 150; i++) pending.add(mockFence({}, 1, ++coming))
    const taken = takeAll(pending, coming - 100)
    for (const { seqno } of taken) assert.equal(seqno, ++going)
    assert.equal(going, coming - 100)
  }
  assert.equal(takeAll(pending, coming).length, 100)
  assert.equal(pending.isEmpty, true)
})
