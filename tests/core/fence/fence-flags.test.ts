// Goal: the flag bits say what the kernel's say, and the creator's bits are the creator's.
// Method: the bits are read after each step of a fence's life.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  ENABLED,
  fenceFlags,
  isFlaggedSignaled,
  setFenceFlags,
  SIGNALED,
  TIMESTAMP,
  USER_FLAGS,
} from '#src/core/fence/fence-flags.js'
import { signalFence } from '#src/core/fence/fence.js'
import { mockFence } from '../../helpers/mock-fence.js'

test('The bits are the kernel’s: 0 signalled, 1 timestamp, 2 enabled, from 3 the creator’s [FENCE-4]', () => {
  assert.deepEqual([SIGNALED, TIMESTAMP, ENABLED, USER_FLAGS], [1 << 0, 1 << 1, 1 << 2, 1 << 3])
})

test('fenceFlags follows a fence: none, enabled, all three [FENCE-2, FENCE-4]', () => {
  const fence = mockFence()
  assert.equal(fenceFlags(fence), 0)
  fence.addCallback(() => {})
  assert.equal(fenceFlags(fence), ENABLED)
  signalFence(fence)
  assert.equal(fenceFlags(fence), SIGNALED | TIMESTAMP | ENABLED)
  const unwatched = mockFence()
  signalFence(unwatched)
  assert.equal(fenceFlags(unwatched), SIGNALED | TIMESTAMP)
  unwatched.enableSignaling()
  assert.equal(fenceFlags(unwatched), SIGNALED | TIMESTAMP | ENABLED, 'Enabling marks [FENCE-22]')
})

test('setFenceFlags adds bits of the creator’s and never those of the core [FENCE-4]', () => {
  const fence = mockFence()
  setFenceFlags(fence, USER_FLAGS | SIGNALED | TIMESTAMP | ENABLED)
  assert.equal(fenceFlags(fence), USER_FLAGS)
  assert.equal(fence.isSignaled(), false)
  setFenceFlags(fence, USER_FLAGS << 2)
  signalFence(fence)
  assert.equal(fenceFlags(fence), (USER_FLAGS << 2) | USER_FLAGS | SIGNALED | TIMESTAMP)
})

test('isFlaggedSignaled looks at the bit and never asks the creator [PORT-8]', () => {
  const fence = mockFence({ isSignaled: () => true })
  assert.equal(isFlaggedSignaled(fence), false)
  assert.equal(fence.isSignaled(), true)
  assert.equal(isFlaggedSignaled(fence), true)
})
