// Goal: where a fence came from is known while somebody debugs, and costs nothing otherwise.
// Method: fences made before, during and after.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setDebug } from '#src/core/debug.js'
import { fenceWatch } from '#src/core/fence/fence-watch.js'
import { Fence } from '#src/core/fence/fence.js'
import { originOf } from '#src/core/fence/origins.js'
import { useManualClock } from '../../helpers/manual-clock.js'

function fenceOf(): Fence {
  return new Fence({ driverName: 'gpu', timelineName: 'copy' }, 1, 1)
}

test('originOf knows time and stack of fences made with stacks on, the time with the watchdog on [C-6]', () => {
  using time = useManualClock()
  const before = fenceOf()
  {
    using _debug = setDebug({ stacks: true })
    const origin = originOf(fenceOf())
    assert.equal(origin?.createdNs, time.clock.nowNs())
    assert.match(origin.stack ?? '', /origins\.test/)
  }
  {
    using _debug = setDebug({ watchdogMs: 5 })
    assert.deepEqual(originOf(fenceOf()), { createdNs: time.clock.nowNs(), stack: undefined })
  }
  assert.equal(originOf(before), undefined)
  assert.equal(originOf(fenceOf()), undefined)
})

test('Nobody watches fences while nothing is debugged [C-6]', () => {
  assert.equal(fenceWatch.tell, undefined)
  const debug = setDebug({ stacks: true })
  assert.notEqual(fenceWatch.tell, undefined)
  debug[Symbol.dispose]()
  assert.equal(fenceWatch.tell, undefined)
})
