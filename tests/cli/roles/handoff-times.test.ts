import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HandoffTimes } from '#src/cli/roles/handoff-times.js'

test('percentile is undefined without samples', () => {
  assert.equal(new HandoffTimes().percentile(0.5), undefined)
})

test('percentile of 1 to 100 in any order is the sample at that share', () => {
  const times = new HandoffTimes()
  for (let us = 100; us >= 1; us--) times.add(us)
  assert.deepEqual(
    [0, 0.5, 0.99, 1].map((share) => times.percentile(share)),
    [1, 51, 100, 100],
  )
})

test('percentile forgets the oldest sample beyond 8192', () => {
  const times = new HandoffTimes()
  times.add(1e9)
  for (let n = 0; n < 8191; n++) times.add(1)
  assert.equal(times.percentile(1), 1e9)
  times.add(1)
  assert.equal(times.percentile(1), 1)
})
