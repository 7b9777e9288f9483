// Goal: a reservation is locked like a ww mutex and looked at without any lock.
// Method: locks in all their forms, waits under a manual clock, counted fences.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setDebug } from '#src/core/debug.js'
import { DmaBufError } from '#src/core/errors.js'
import { isFenceArray } from '#src/core/fence/fence-array.js'
import { putFence, signalFence, type Fence } from '#src/core/fence/fence.js'
import { AcquireContext } from '#src/core/reservation/acquire-context.js'
import { Reservation, reservationWwClass } from '#src/core/reservation/reservation.js'
import type { Usage } from '#src/core/reservation/usage.js'
import { useManualClock } from '../../helpers/manual-clock.js'
import { collectWarnings } from '../../helpers/warnings.js'
import { FenceRig } from './fence-rig.js'

/** A reservation with pending fences of these usages. */
function open(...usages: readonly Usage[]) {
  const reservation = new Reservation()
  const rig = new FenceRig()
  using held = reservation.tryLock()!
  if (usages.length > 0) held.reserve(usages.length)
  const fences = usages.map((usage) => {
    const fence = rig.fence()
    held.add(fence, usage)
    return fence
  })
  return {
    reservation,
    rig,
    fences,
    [Symbol.dispose]() {
      reservation.destroy()
      rig.finish()
    },
  }
}

function context(): AcquireContext {
  return new AcquireContext(reservationWwClass)
}

test('reservationWwClass is a wait-die class [RESV-5, WW-1]', () => {
  assert.equal(reservationWwClass.algorithm, 'wait-die')
  assert.equal(reservationWwClass.name, 'reservation')
})

test('Reservation is unlocked and without fences at first [RESV-5]', () => {
  const reservation = new Reservation()
  assert.equal(reservation.isLocked, false)
  assert.equal(reservation.lockingContext, undefined)
  assert.equal(reservation.isSignaled('bookkeep'), true)
  assert.deepEqual(reservation.fences('bookkeep'), [])
})

test('Reservation.lock of a free one holds it when the call returns, whatever the signal says [RESV-33]', async () => {
  const reservation = new Reservation()
  const locking = reservation.lock({ signal: AbortSignal.abort() })
  assert.equal(reservation.isLocked, true)
  const held = await locking
  assert.equal(held.reservation, reservation)
  held.release()
  assert.equal(reservation.isLocked, false)
})

test('Reservation.lock waits for its turn [RESV-33]', async () => {
  const reservation = new Reservation()
  const first = await reservation.lock()
  const order: string[] = []
  const second = reservation.lock().then((held) => {
    order.push('second')
    held.release()
  })
  order.push('first')
  first.release()
  await second
  assert.deepEqual(order, ['first', 'second'])
})

test('Reservation.lock with a context: lockingContext, and EALREADY the second time [RESV-33]', async () => {
  const reservation = new Reservation()
  using mine = context()
  const held = await reservation.lock({ context: mine })
  assert.equal(reservation.lockingContext, mine)
  await assert.rejects(reservation.lock({ context: mine }), { code: 'EALREADY' })
  assert.equal(held.released, false)
  assert.equal(reservation.isLocked, true)
  held.release()
  assert.equal(mine.acquired, 0)
  assert.equal(reservation.lockingContext, undefined)
})

test('Reservation.lock answers EDEADLK to the younger, which backs off with lockSlow [RESV-33]', async () => {
  const [x, y] = [new Reservation(), new Reservation()]
  using older = context()
  using younger = context()
  const olderX = await x.lock({ context: older })
  const youngerY = await y.lock({ context: younger })
  await assert.rejects(x.lock({ context: younger }), { code: 'EDEADLK' })
  const olderY = y.lock({ context: older })
  youngerY.release()
  const slow = x.lockSlow(younger)
  ;(await olderY).release()
  olderX.release()
  const youngerX = await slow
  assert.equal(x.lockingContext, younger)
  assert.equal(youngerX.reservation, x)
  youngerX.release()
})

test('Reservation.lock with a signal ends with EINTR, without one it does not [RESV-33]', async () => {
  const reservation = new Reservation()
  using _held = reservation.tryLock()!
  const abort = new AbortController()
  const waiting = reservation.lock({ signal: abort.signal })
  abort.abort('enough')
  await assert.rejects(waiting, { code: 'EINTR', cause: 'enough' })
  await assert.rejects(reservation.lock({ signal: abort.signal }), { code: 'EINTR' })
})

test('Reservation.lockSlow with a signal ends with EINTR [RESV-33]', async () => {
  const reservation = new Reservation()
  using _held = reservation.tryLock()!
  using mine = context()
  await assert.rejects(reservation.lockSlow(mine, { signal: AbortSignal.abort() }), {
    code: 'EINTR',
  })
})

test('Reservation.lock ends with ETIMEDOUT', async () => {
  using time = useManualClock()
  const reservation = new Reservation()
  using _held = reservation.tryLock()!
  const waiting = reservation.lock({ timeoutMs: 5 })
  time.clock.advance(5)
  await assert.rejects(waiting, { code: 'ETIMEDOUT' })
  await assert.rejects(reservation.lock({ timeoutMs: -1 }), RangeError)
})

test('Reservation.lock finds a deadlock with oneself, where that is asked for [RESV-33]', async () => {
  using _debug = setDebug({ lockChecks: true })
  const reservation = new Reservation()
  const task = { name: 'me' }
  const held = await reservation.lock({ task })
  await assert.rejects(reservation.lock({ task }), { code: 'ERR_DMABUF_BUG', rule: 'WW-3' })
  held.release()
})

test('Reservation.tryLock: undefined where it is held, with or without a context [RESV-33]', () => {
  const reservation = new Reservation()
  using mine = context()
  {
    using held = reservation.tryLock(mine)
    assert.equal(held?.reservation, reservation)
    assert.equal(mine.acquired, 1)
    assert.equal(reservation.tryLock(mine), undefined)
    assert.equal(reservation.tryLock(), undefined)
  }
  assert.equal(mine.acquired, 0)
})

test('Reservation: the lock keeps nobody from looking [RESV-33]', async () => {
  using it = open('write')
  using _held = it.reservation.tryLock()!
  assert.equal(it.reservation.isSignaled('read'), false)
  const fences = it.reservation.fences('read')
  assert.deepEqual(fences, it.fences)
  fences.forEach(putFence)
  assert.equal([...it.reservation.entries('read')].length, 1)
  assert.equal(await it.reservation.waitTimeout('read', 0), 0)
})

test('Reservation.wait with the lock held is allowed, and ends when the fences signal [RESV-30, RESV-38]', async () => {
  using it = open('write', 'kernel')
  using _held = it.reservation.tryLock()!
  const waiting = it.reservation.wait('read')
  for (const fence of it.fences) signalFence(fence)
  await waiting
})

test('Reservation.wait: ETIMEDOUT when the time is over, and nothing where nothing is pending [RESV-29]', async () => {
  using time = useManualClock()
  using it = open('read')
  await it.reservation.wait('write', { timeoutMs: 0 })
  await assert.rejects(it.reservation.wait('read', { timeoutMs: 0 }), { code: 'ETIMEDOUT' })
  const waiting = it.reservation.wait('read', { timeoutMs: 3 })
  time.clock.advance(3)
  await assert.rejects(waiting, { code: 'ETIMEDOUT' })
})

test('Reservation.wait rejects with the reason of an aborted signal [RESV-29]', async () => {
  using it = open('read')
  const reason = new Error('Enough')
  await assert.rejects(it.reservation.wait('read', { signal: AbortSignal.abort(reason) }), reason)
  await it.reservation.wait('write', { signal: AbortSignal.abort(reason) })
})

test('Reservation.wait: what failed is finished [RESV-29]', async () => {
  using it = open('read')
  const waiting = it.reservation.wait('read')
  signalFence(it.fences[0]!, new DmaBufError('EIO', 'render', 'Shader hangs'))
  await waiting
})

test('Reservation.waitTimeout: a negative time is refused where something is pending [RESV-29]', async () => {
  using _seen = collectWarnings()
  using it = open('read')
  await assert.rejects(it.reservation.waitTimeout('read', -1), { code: 'EINVAL' })
})

test('Reservation.fences: the pending ones with references that are the caller’s [RESV-26]', () => {
  using it = open('read', 'bookkeep')
  const fences = it.reservation.fences('read')
  assert.deepEqual(fences, [it.fences[0]])
  it.reservation.destroy()
  it.rig.put(it.fences[0]!)
  assert.equal(it.rig.isReleased(it.fences[0]!), false)
  fences.forEach(putFence)
  assert.equal(it.rig.isReleased(it.fences[0]!), true)
})

test('Reservation.fences fails with ENOMEM [RESV-26]', () => {
  using it = open('read')
  using _debug = setDebug({ failAllocations: true })
  assert.throws(() => it.reservation.fences('read'), { code: 'ENOMEM', operation: 'fences' })
})

test('Reservation.singleton: one fence for all that is pending [RESV-28]', () => {
  using it = open('read', 'write')
  assert.equal(it.reservation.singleton('kernel'), undefined)
  const one = it.reservation.singleton('write')
  assert.equal(one, it.fences[1])
  putFence(one)
  const both = it.reservation.singleton('read')
  assert.deepEqual(isFenceArray(both) && both.elements, it.fences)
  putFence(both)
  using _debug = setDebug({ failAllocations: true })
  assert.throws(() => it.reservation.singleton('read'), { code: 'ENOMEM' })
})

test('Reservation.entries walks without the lock while the lock holder changes it [RESV-18, RESV-19]', () => {
  using it = open('read', 'write')
  const seen: (readonly [Fence, boolean])[] = []
  const late = it.rig.fence()
  for (const { fence, isRestarted } of it.reservation.entries('bookkeep')) {
    if (seen.length === 0) {
      using held = it.reservation.tryLock()!
      held.reserve(8)
      held.add(late, 'bookkeep')
    }
    seen.push([fence, isRestarted])
  }
  const [a, b] = it.fences as [Fence, Fence]
  assert.deepEqual(seen, [
    [a, true],
    [a, true],
    [b, false],
    [late, false],
  ])
})

test('Reservation.setDeadline forwards to what is pending [RESV-31]', () => {
  using it = open()
  const told: number[] = []
  using held = it.reservation.tryLock()!
  held.reserve(1)
  held.add(it.rig.fence({ setDeadline: (_fence, ns) => void told.push(ns) }), 'read')
  it.reservation.setDeadline('write', 1)
  it.reservation.setDeadline('read', 2)
  assert.deepEqual(told, [2])
})

for (const usage of ['', 'all', undefined]) {
  test(`Reservation: a query for ${String(usage) || 'nothing'} is refused`, async () => {
    const reservation = new Reservation()
    const wrong = usage as Usage
    assert.throws(() => reservation.isSignaled(wrong), TypeError)
    assert.throws(() => reservation.fences(wrong), TypeError)
    assert.throws(() => reservation.entries(wrong), TypeError)
    assert.throws(() => reservation.setDeadline(wrong, 1), TypeError)
    await assert.rejects(reservation.wait(wrong), TypeError)
  })
}

test('Reservation.destroy puts all fences, once [RESV-5]', () => {
  using it = open('read', 'kernel')
  for (const fence of it.fences) it.rig.put(fence)
  it.reservation.destroy()
  it.reservation.destroy()
  assert.deepEqual(
    it.fences.map((fence) => it.rig.isReleased(fence)),
    [true, true],
  )
  assert.equal(it.reservation.isSignaled('bookkeep'), true)
})

test('Reservation.destroy: no lock can be taken afterwards [RESV-5]', async () => {
  using reservation = new Reservation()
  using mine = context()
  assert.equal(reservation.destroyed, false)
  reservation.destroy()
  assert.equal(reservation.destroyed, true)
  const gone = { code: 'EINVAL', rule: 'RESV-5' }
  assert.throws(() => reservation.tryLock(), { ...gone, operation: 'tryLock' })
  await assert.rejects(reservation.lock(), { ...gone, operation: 'lock' })
  await assert.rejects(reservation.lockSlow(mine), { ...gone, operation: 'lockSlow' })
})

test('Reservation.destroy while it is locked warns; the holder can release it, and add nothing [RESV-5]', () => {
  using seen = collectWarnings()
  const reservation = new Reservation()
  using rig = new FenceRig()
  using other = open('read')
  const held = reservation.tryLock()!
  held.reserve(1)
  reservation.destroy()
  assert.deepEqual(
    seen.list.map(({ rule }) => rule),
    ['RESV-5'],
  )
  assert.throws(() => held.add(rig.fence(), 'read'), { code: 'ERR_DMABUF_BUG' })
  const gone = { code: 'EINVAL', rule: 'RESV-5' }
  assert.throws(() => held.reserve(1), { ...gone, operation: 'reserve' })
  assert.throws(() => held.copyFrom(other.reservation), { ...gone, operation: 'copy' })
  held.release()
  assert.equal(reservation.isLocked, false)
})

test('Reservation.destroy while it is locked is reported once, and the lock is asked, too [WW-19]', () => {
  using _debug = setDebug({ lockChecks: true })
  using seen = collectWarnings()
  const reservation = new Reservation()
  using _held = reservation.tryLock()!
  reservation.destroy()
  reservation.destroy()
  assert.deepEqual(
    seen.list.map(({ rule }) => rule),
    ['RESV-5', 'WW-19'],
  )
})

test('Reservation is disposable [RESV-5]', () => {
  using rig = new FenceRig()
  const fence = rig.fence()
  {
    using reservation = new Reservation()
    using held = reservation.tryLock()!
    held.reserve(1)
    held.add(fence, 'read')
  }
  rig.put(fence)
  assert.equal(rig.isReleased(fence), true)
})

test('Reservation.wait refuses a time that is none, also where nothing is pending', async () => {
  const reservation = new Reservation()
  for (const timeoutMs of [-1, Number.NaN])
    await assert.rejects(reservation.wait('read', { timeoutMs }), RangeError)
  await reservation.wait('read', { timeoutMs: 0 })
})
