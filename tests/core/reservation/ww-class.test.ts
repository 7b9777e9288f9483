// Goal: stamps say who came first, also when their counter wraps.
// Method: stamps around the wrap, every pair compared both ways.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isOlderStamp, WwClass } from '#src/core/reservation/ww-class.js'

import { useManualClock } from '../../helpers/manual-clock.js'

const LAST = Number.MAX_SAFE_INTEGER

test('WwClass has a name, an algorithm and its own counter, which begins at 1 [WW-1, WW-2]', () => {
  const first = new WwClass('first', 'wait-die')
  const second = new WwClass('second', 'wound-wait')
  assert.deepEqual([first.name, first.algorithm], ['first', 'wait-die'])
  assert.deepEqual([second.name, second.algorithm], ['second', 'wound-wait'])
  assert.deepEqual([first.takeStamp(), first.takeStamp(), second.takeStamp()], [1, 2, 1])
})

test('WwClass.takeStamp wraps after the last exact number', () => {
  const wwClass = new WwClass('test', 'wait-die', { lastStamp: LAST - 1 })
  assert.deepEqual([wwClass.takeStamp(), wwClass.takeStamp(), wwClass.takeStamp()], [LAST, 0, 1])
})

test('isOlderStamp orders any two stamps, across the wrap as well [WW-2]', () => {
  const inOrder = [LAST - 2, LAST - 1, LAST, 0, 1, 2]
  inOrder.forEach((a, i) =>
    inOrder.forEach((b, j) => assert.equal(isOlderStamp(a, b), i < j, `${a} and ${b}`)),
  )
})

test('isOlderStamp keeps the order of stamps up to half of all apart [WW-2]', () => {
  const half = 2 ** 52
  assert.deepEqual([isOlderStamp(1, half), isOlderStamp(half, 1)], [true, false])
  assert.deepEqual([isOlderStamp(0, half + 1), isOlderStamp(half + 1, 0)], [false, true])
})

test('WwClass.followClock gives microseconds of the clock, rising also where the clock stands', () => {
  using time = useManualClock()
  const { clock } = time
  const wwClass = new WwClass('test', 'wait-die')
  const before = wwClass.takeStamp()
  wwClass.followClock()
  clock.advance(5)
  const stamps = [wwClass.takeStamp(), wwClass.takeStamp()]
  const nowUs = Math.floor(clock.nowNs() / 1000)
  assert.deepEqual(stamps, [nowUs, nowUs + 1])
  assert.ok(isOlderStamp(before, stamps[0]!))
  clock.advance(1)
  assert.equal(wwClass.takeStamp(), nowUs + 1000)
})
