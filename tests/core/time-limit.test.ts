// Goal: waits that share one time get what is left of it, and never less than nothing.
// Method: the manual clock.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limitTime } from '#src/core/time-limit.js'
import { useHost } from '#src/core/host.js'
import { ManualClock } from '../helpers/manual-clock.js'

test('limitTime gives what is left in whole milliseconds, rounded up, and 0 once it is over', () => {
  const clock = new ManualClock()
  using _ = useHost(clock)
  const left = limitTime({ timeoutMs: 10 })
  assert.equal(left().timeoutMs, 10)
  clock.advance(0.25)
  assert.equal(left().timeoutMs, 10)
  clock.advance(8.75)
  assert.equal(left().timeoutMs, 1)
  clock.advance(1)
  assert.equal(left().timeoutMs, 0)
  clock.advance(5)
  assert.equal(left().timeoutMs, 0)
})

test('limitTime keeps the other options, and leaves out a time that was not given', () => {
  const { signal } = new AbortController()
  assert.deepEqual(limitTime({ signal })(), { signal })
  assert.deepEqual(limitTime({ signal, timeoutMs: 0 })(), { signal, timeoutMs: 0 })
})
