// Goal: the time of a fence is the time of its signal.
// Method: a manual clock, on both sides of the signal.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { signalFence } from '#src/core/fence/fence.js'
import { fenceTimestamp } from '#src/core/fence/timestamp.js'
import { useManualClock } from '../../helpers/manual-clock.js'
import { mockFence } from '../../helpers/mock-fence.js'
import { collectWarnings } from '../../helpers/warnings.js'

test('fenceTimestamp is when the fence signalled, however much later it is asked [FENCE-17]', () => {
  using time = useManualClock()
  using warnings = collectWarnings()
  const fence = mockFence()
  signalFence(fence)
  time.clock.advance(8)
  assert.equal(fenceTimestamp(fence), 5_000_000_000)
  assert.deepEqual(warnings.list, [])
})

test('fenceTimestamp of a pending fence warns and is now [FENCE-17]', () => {
  using time = useManualClock()
  using warnings = collectWarnings()
  time.clock.advance(8)
  assert.equal(fenceTimestamp(mockFence()), 5_008_000_000)
  assert.deepEqual(warnings.rules, ['FENCE-17'])
})
