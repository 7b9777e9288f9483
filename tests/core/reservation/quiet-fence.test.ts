// Goal: a creator that throws stops nobody.
// Method: creators that throw when asked, before and after they signalled.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { getFence, signalFence } from '#src/core/fence/fence.js'
import { isDone, putAll } from '#src/core/reservation/quiet-fence.js'
import { collectWarnings } from '../../helpers/warnings.js'
import { FenceRig } from './fence-rig.js'

test('isDone asks the creator and signals what is done [RESV-18]', () => {
  using rig = new FenceRig()
  assert.equal(isDone(rig.fence()), false)
  assert.equal(isDone(rig.fence({ isSignaled: () => false })), false)
  assert.equal(isDone(rig.fence({ isSignaled: () => true })), true)
  assert.equal(isDone(rig.signaled()), true)
})

test('isDone: a creator that throws is reported by name, and its fence is pending [PORT-4]', () => {
  using seen = collectWarnings()
  using rig = new FenceRig()
  const fence = rig.fence({
    isSignaled: () => {
      throw new Error('Lost the device')
    },
  })
  assert.equal(isDone(fence), false)
  const [warning] = seen.list
  assert.equal(warning?.rule, 'PORT-4')
  assert.match(warning.message, /^test threw .* Error: Lost the device$/)
  assert.match(warning.stack ?? '', /quiet-fence\.test/)
})

test('isDone: a creator that signals and then throws has signalled [PORT-4]', () => {
  using seen = collectWarnings()
  using rig = new FenceRig()
  const fence = rig.fence({
    isSignaled: (one) => {
      signalFence(one)
      // What is thrown need not be an error.
      // eslint-disable-next-line @typescript-eslint/only-throw-error
      throw 'gone'
    },
  })
  assert.equal(isDone(fence), true)
  assert.match(seen.list[0]!.message, /: gone$/)
})

test('isDone: a creator that throws nothing at all is reported as well [PORT-4]', () => {
  using seen = collectWarnings()
  using rig = new FenceRig()
  const fence = rig.fence({
    isSignaled: () => {
      // eslint-disable-next-line @typescript-eslint/only-throw-error
      throw undefined
    },
  })
  assert.equal(isDone(fence), false)
  const [warning] = seen.list
  assert.match(warning!.message, /: undefined$/)
  assert.equal(warning!.stack, undefined)
})

test('putAll gives one reference of each back', () => {
  using rig = new FenceRig()
  const fences = [rig.fence(), rig.fence()]
  for (const fence of fences) {
    getFence(fence)
    rig.put(fence)
  }
  putAll(fences)
  for (const fence of fences) assert.equal(rig.isReleased(fence), true)
})
