// Goal: a slot is idle, or has one fence and a reference on the buffer; nothing else, whatever fails.
// Method: slots looked at by hand, over fences of a rig that counts references.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PollSlot } from '#src/core/buffer/poll-slot.js'
import { PollWaiters } from '#src/core/buffer/poll-waiters.js'
import { signalFence, type Fence } from '#src/core/fence/fence.js'
import { BufferRig } from '../../helpers/buffer-rig.js'

function slotOf(rig: BufferRig): PollSlot {
  return new PollSlot(rig.object, 1, new PollWaiters())
}

function look(rig: BufferRig, slot: PollSlot): number {
  using held = rig.object.reservation.tryLock()
  return slot.look(held)
}

test('PollSlot.look is armed by the first pending fence and idle after its signal [BUF-42, BUF-44]', () => {
  using rig = new BufferRig()
  const slot = slotOf(rig)
  const fence = rig.add('write')
  assert.deepEqual([look(rig, slot), slot.active, slot.fence, rig.extra], [0, 1, fence, 1])
  signalFence(fence)
  assert.deepEqual([slot.active, slot.fence, rig.extra], [0, undefined, 0])
})

test('PollSlot.look is idle again where nothing was pending, with or without a reservation [BUF-43]', () => {
  using rig = new BufferRig()
  const slot = slotOf(rig)
  assert.equal(slot.look(undefined), 1)
  assert.equal(look(rig, slot), 1)
  assert.deepEqual([slot.active, slot.fence, rig.extra], [0, undefined, 0])
})

test('PollSlot.look gives everything back where a fence fails to take its callback', () => {
  using rig = new BufferRig()
  const slot = slotOf(rig)
  const fence = rig.add('write')
  const broken: Pick<Fence, 'addCallback'> = {
    addCallback: () => {
      throw new Error('broken')
    },
  }
  Object.defineProperty(fence, 'addCallback', { value: broken.addCallback })
  assert.throws(() => look(rig, slot), { message: 'broken' })
  assert.deepEqual([slot.active, slot.fence, rig.extra], [0, undefined, 0])
  assert.equal(rig.object.reservation.isLocked, false)
})
