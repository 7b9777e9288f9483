// Goal: where there is no work there is a fence that is done.
// Method: both kinds of stub are looked at from outside.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ENABLED, fenceFlags, SIGNALED, TIMESTAMP } from '#src/core/fence/fence-flags.js'
import { putFence, tryGetFence, type Fence } from '#src/core/fence/fence.js'
import { createPrivateStub, stubFence } from '#src/core/fence/stub.js'
import { useManualClock } from '../../helpers/manual-clock.js'

function looksOf(fence: Fence): readonly unknown[] {
  const { driverName, timelineName, context, seqno, status } = fence
  return [driverName, timelineName, context, seqno, status, fenceFlags(fence)]
}

const STUB = ['stub', 'stub', 0, 0, 'signaled', SIGNALED | TIMESTAMP | ENABLED]

test('stubFence is one fence, signalled at its first use [FENCE-32]', () => {
  using time = useManualClock()
  const stub = stubFence()
  assert.deepEqual(looksOf(stub), STUB)
  assert.equal(stub.timestampNs, 5_000_000_000)
  time.clock.advance(1)
  assert.equal(stubFence(), stub)
  assert.equal(stub.timestampNs, 5_000_000_000)
})

test('stubFence hands out one more reference each time, and keeps its own [FENCE-32]', () => {
  const stubs = [stubFence(), stubFence()]
  for (const stub of stubs) putFence(stub)
  assert.equal(stubFence(), stubs[0])
  assert.equal(tryGetFence(stubs[0]!), stubs[0])
})

test('createPrivateStub is a new one each time, with the time that is given [FENCE-33]', () => {
  const [first, second] = [createPrivateStub(250), createPrivateStub(0)]
  assert.deepEqual(looksOf(first), STUB)
  assert.deepEqual([first.timestampNs, second.timestampNs], [250, 0])
  assert.notEqual(first, second)
  assert.notEqual(first, stubFence())
})
