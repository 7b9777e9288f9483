// Goal: the kernel's own test of reservations passes here, said in our words, for each usage.
// Method: the steps of its suite one by one; where it forges the cursor's list, the list is replaced.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { putFence, signalFence, type Fence } from '#src/core/fence/fence.js'
import { Reservation } from '#src/core/reservation/reservation.js'
import { USAGES, type Usage } from '#src/core/reservation/usage.js'
import { FenceRig } from './fence-rig.js'

/** A reservation that holds one pending fence. */
async function withFence(
  usage: Usage,
  look: (reservation: Reservation, fence: Fence) => void,
): Promise<void> {
  using rig = new FenceRig()
  using reservation = new Reservation()
  const fence = rig.fence()
  {
    using held = await reservation.lock()
    held.reserve(1)
    held.add(fence, usage)
  }
  look(reservation, fence)
}

test('sanitycheck: the lock can be taken and released [T-R, T-R1]', async () => {
  const reservation = new Reservation()
  const held = await reservation.lock()
  assert.equal(reservation.isLocked, true)
  held.release()
  reservation.destroy()
})

for (const usage of USAGES) {
  test(`test_signaling: pending, then not, as ${usage} [T-R, T-R2]`, async () => {
    await withFence(usage, (reservation, fence) => {
      assert.equal(reservation.isSignaled(usage), false)
      signalFence(fence)
      assert.equal(reservation.isSignaled(usage), true)
    })
  })

  test(`test_for_each: once, with its usage, as ${usage} [T-R, T-R3]`, async () => {
    await withFence(usage, (reservation, fence) => {
      using held = reservation.tryLock()!
      const entries = [...held.entries(usage)]
      assert.deepEqual(entries, [{ fence, usage, isRestarted: true }])
      signalFence(fence)
    })
  })

  test(`test_for_each_unlocked: once, and again after a restart, as ${usage} [T-R, T-R4]`, async () => {
    await withFence(usage, (reservation, fence) => {
      using cursor = reservation.entries(usage)
      assert.equal(cursor.step(), fence)
      assert.equal(cursor.isRestarted, true)
      assert.equal(cursor.usage, usage)
      {
        using held = reservation.tryLock()!
        held.copyFrom(reservation)
      }
      assert.equal(cursor.step(), fence)
      assert.equal(cursor.isRestarted, true)
      assert.equal(cursor.usage, usage)
      assert.equal(cursor.step(), undefined)
      signalFence(fence)
    })
  })

  test(`test_get_fences: that one fence, as ${usage} [T-R, T-R5]`, async () => {
    await withFence(usage, (reservation, fence) => {
      const fences = reservation.fences(usage)
      assert.deepEqual(fences, [fence])
      fences.forEach(putFence)
      signalFence(fence)
    })
  })
}
