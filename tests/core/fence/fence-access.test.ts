// Goal: what users may not do with a fence is granted once, to the framework.
// Method: the granted functions are tried on a fence.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Sleeper } from '#src/core/fence/callback-queue.js'
import { access, nameOf } from '#src/core/fence/fence-access.js'
import { signalFence } from '#src/core/fence/fence.js'
import { mockFence } from '../../helpers/mock-fence.js'

const nothing = (): void => {}

test('isAwaited counts callbacks and sleepers, alone and together, until they are taken back', () => {
  const fence = mockFence()
  const sleeper = new Sleeper(nothing, nothing)
  assert.equal(access.isAwaited(fence), false)
  fence.addCallback(nothing)
  assert.equal(access.isAwaited(fence), true)
  access.addSleeper(fence, sleeper)
  fence.removeCallback(nothing)
  assert.equal(access.isAwaited(fence), true)
  access.removeSleeper(fence, sleeper)
  assert.equal(access.isAwaited(fence), false)
  access.addSleeper(fence, sleeper)
  assert.equal(access.isAwaited(fence), true)
  signalFence(fence)
  assert.equal(access.isAwaited(fence), false)
})

test('nameOf names a fence in messages', () => {
  assert.equal(nameOf(mockFence()), 'test ring seqno 7')
})
