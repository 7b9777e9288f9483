// Goal: core gets its time from one place, which tests can replace.
// Method: the manual clock, and node's mock of setTimeout under the real one.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { host, useHost } from '#src/core/host.js'
import { ManualClock } from '../helpers/manual-clock.js'

const LONGEST_MS = 2 ** 31 - 1

test('useHost replaces the host until it is disposed, one inside another', () => {
  const system = host()
  const [outer, inner] = [new ManualClock(), new ManualClock()]
  {
    using _outer = useHost(outer)
    {
      using _inner = useHost(inner)
      assert.equal(host(), inner)
    }
    assert.equal(host(), outer)
  }
  assert.equal(host(), system)
})

test('The clock of the system is monotonic nanoseconds, as process.hrtime is', () => {
  const before = Number(process.hrtime.bigint())
  const now = host().nowNs()
  const after = Number(process.hrtime.bigint())
  assert.ok(before <= now && now <= after, `${before} ${now} ${after}`)
})

test('A timer of the system calls back once, after its delay', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  let calls = 0
  host().setTimer(5, () => calls++)
  t.mock.timers.tick(4)
  assert.equal(calls, 0)
  t.mock.timers.tick(1)
  t.mock.timers.tick(100)
  assert.equal(calls, 1)
})

test('A cancelled timer of the system never calls back', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const cancel = host().setTimer(5, () => assert.fail('Called back'))
  cancel()
  cancel()
  t.mock.timers.tick(10)
})

test('A timer may be longer than setTimeout can count', (t) => {
  for (const [delayMs, isOver] of [
    [LONGEST_MS, true],
    [LONGEST_MS + 1, false],
  ] as const) {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    let calls = 0
    host().setTimer(delayMs, () => calls++)
    t.mock.timers.tick(LONGEST_MS)
    assert.equal(calls === 1, isOver)
    t.mock.timers.tick(1)
    assert.equal(calls, 1)
    t.mock.timers.reset()
  }
})

test('A timer of infinite delay never calls back, and can be cancelled in any turn', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const cancel = host().setTimer(Infinity, () => assert.fail('Called back'))
  t.mock.timers.tick(LONGEST_MS)
  t.mock.timers.tick(LONGEST_MS)
  cancel()
  t.mock.timers.tick(LONGEST_MS)
})
