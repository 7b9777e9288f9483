// Goal: one line tells a fence apart.
// Method: fences in both states, and one that is found done by describing it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeFence } from '#src/core/fence/describe.js'
import { signalFence } from '#src/core/fence/fence.js'
import { mockFence } from '../../helpers/mock-fence.js'
import { collectWarnings } from '../../helpers/warnings.js'

test('describeFence says names, seqno and state in one line [FENCE-34, PORT-12]', () => {
  const fence = mockFence()
  assert.equal(describeFence(fence), 'test ring seq 7 unsignalled')
  signalFence(fence)
  assert.equal(describeFence(fence), 'test ring seq 7 signalled')
})

test('describeFence asks the creator, and so may signal [FENCE-34]', () => {
  const fence = mockFence({ isSignaled: () => true })
  let calls = 0
  fence.addCallback(() => calls++)
  assert.equal(describeFence(fence), 'test ring seq 7 signalled')
  assert.equal(calls, 1)
})

test('describeFence of a fence whose creator throws reports it, and says pending [PORT-4]', () => {
  using warnings = collectWarnings()
  const fence = mockFence({
    isSignaled() {
      throw new Error('broken')
    },
  })
  assert.equal(describeFence(fence), 'test ring seq 7 unsignalled')
  assert.deepEqual(warnings.rules, ['PORT-4'])
})
