// Goal: time moves when a test says so, and not otherwise.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { host } from '#src/core/host.js'
import { ManualClock, useManualClock } from '#src/testing/manual-clock.js'

test('A manual clock stands still until it is advanced', () => {
  const clock = new ManualClock(1000)
  assert.equal(clock.nowNs(), 1000)
  clock.advance(2)
  assert.equal(clock.nowNs(), 2_001_000)
})

test('Timers call back in the order of their time, at their time', () => {
  const clock = new ManualClock(0)
  const seen: [string, number][] = []
  clock.setTimer(5, () => seen.push(['late', clock.nowNs()]))
  clock.setTimer(1, () => seen.push(['early', clock.nowNs()]))
  const cancel = clock.setTimer(2, () => assert.fail('Was cancelled'))
  cancel()
  clock.advance(4)
  assert.deepEqual(seen, [['early', 1e6]])
  assert.equal(clock.timerCount, 1)
  clock.advance(1)
  assert.deepEqual(seen[1], ['late', 5e6])
})

test('useManualClock takes the place of the host until it is disposed', () => {
  const before = host()
  {
    using time = useManualClock()
    assert.equal(host(), time.clock)
  }
  assert.equal(host(), before)
})
