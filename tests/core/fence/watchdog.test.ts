// Goal: a fence that nobody signals in time is reported once, with what it waits for.
// Method: a manual clock; fences by hand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setDebug } from '#src/core/debug.js'
import { Fence, signalFence, type FenceOps } from '#src/core/fence/fence.js'
import { useManualClock } from '../../helpers/manual-clock.js'
import { collectWarnings } from '../../helpers/warnings.js'

function fenceOf(seqno: number, more: Partial<FenceOps> = {}): Fence {
  return new Fence({ driverName: 'gpu', timelineName: 'copy', ...more }, 1, seqno)
}

test('A fence is reported when it is pending for longer than watchdogMs, once [FENCE-40]', () => {
  using time = useManualClock()
  using _debug = setDebug({ watchdogMs: 100 })
  using warnings = collectWarnings()
  const fence = fenceOf(7)
  time.clock.advance(99)
  assert.equal(warnings.list.length, 0)
  time.clock.advance(1)
  time.clock.advance(1000)
  const messages = warnings.list.map(({ rule, message }) => `${rule} ${message}`)
  assert.equal(messages.length, 1)
  assert.match(
    messages[0] ?? '',
    /^FENCE-40 .* more than 100 ms:\ngpu copy context 1 seqno 7: pending, 0\.100 s old/,
  )
  assert.equal(fence.status, 'pending')
})

test('Each fence has its own time [FENCE-40]', () => {
  using time = useManualClock()
  using _debug = setDebug({ watchdogMs: 100 })
  using warnings = collectWarnings()
  const kept = [fenceOf(1)]
  time.clock.advance(50)
  kept.push(fenceOf(2))
  time.clock.advance(50)
  assert.equal(warnings.list.length, 1)
  time.clock.advance(50)
  assert.equal(warnings.list.length, 2)
  assert.match(warnings.list[1]!.message, /seqno 2/)
  assert.equal(kept.length, 2)
})

test('Fences that signal in time, or were done without being looked at, are not reported [FENCE-40]', () => {
  using time = useManualClock()
  using _debug = setDebug({ watchdogMs: 100 })
  using warnings = collectWarnings()
  const done = fenceOf(1)
  const lazy = fenceOf(2, { isSignaled: () => true })
  signalFence(done)
  time.clock.advance(100)
  assert.deepEqual(warnings.list, [])
  assert.equal(lazy.status, 'signaled')
})

test('Nothing is watched, and no timer runs, while the watchdog is off [C-6]', () => {
  using time = useManualClock()
  using warnings = collectWarnings()
  const debug = setDebug({ watchdogMs: 100 })
  const fences = [fenceOf(1)]
  assert.equal(time.clock.timerCount, 1)
  debug[Symbol.dispose]()
  assert.equal(time.clock.timerCount, 0)
  fences.push(fenceOf(2))
  time.clock.advance(1000)
  assert.deepEqual(warnings.list, [])
  assert.equal(fences.length, 2)
})

test('Fences of before are forgotten when the watchdog is switched off and on again', () => {
  using time = useManualClock()
  using warnings = collectWarnings()
  const fences = [1, 2].map((seqno) => {
    using _debug = setDebug({ watchdogMs: 100 })
    return fenceOf(seqno)
  })
  using _debug = setDebug({ watchdogMs: 100 })
  fences.push(fenceOf(3))
  time.clock.advance(1000)
  assert.deepEqual(
    warnings.list.map(({ message }) => /seqno (\d)/.exec(message)?.[1]),
    ['3'],
  )
  assert.equal(fences.length, 3)
})

test('The watchdog keeps no fence alive that nobody knows, and reports none [FENCE-40]', async () => {
  using time = useManualClock()
  using warnings = collectWarnings()
  using _debug = setDebug({ watchdogMs: 60_000 })
  const forgotten = new WeakRef(fenceOf(1))
  for (let round = 0; round < 20 && forgotten.deref() !== undefined; round++) {
    await new Promise((resolve) => setImmediate(resolve))
    gc!()
  }
  assert.equal(forgotten.deref(), undefined)
  time.clock.advance(60_000)
  assert.deepEqual(warnings.list, [])
})

test('A creator that throws when asked keeps no other fence from being watched [FENCE-40, PORT-4]', () => {
  using time = useManualClock()
  using _debug = setDebug({ watchdogMs: 100 })
  using warnings = collectWarnings()
  const broken = (): never => {
    throw new Error('broken')
  }
  const kept = [fenceOf(1, { isSignaled: broken }), fenceOf(2)]
  time.clock.advance(100)
  kept.push(fenceOf(3))
  time.clock.advance(100)
  const reported = warnings.list.filter(({ rule }) => rule === 'FENCE-40')
  assert.deepEqual(
    reported.map(({ message }) => /seqno (\d)/.exec(message)?.[1]),
    ['1', '2', '3'],
  )
  assert.equal(kept.length, 3)
})
