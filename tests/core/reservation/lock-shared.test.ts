// Goal: a lock that strangers share is taken with the local one, and given up with it, without a deadlock through both.
// Method: a stranger in the test's hand beside contexts of this process.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DmaBufError } from '#src/core/errors.js'
import { signalFence, type Fence } from '#src/core/fence/fence.js'
import { AcquireContext } from '#src/core/reservation/acquire-context.js'
import { TABLE } from '#src/core/reservation/fence-table.js'
import { lockAll } from '#src/core/reservation/lock-all.js'
import { Reservation, reservationWwClass } from '#src/core/reservation/reservation.js'
import { usageOrder } from '#src/core/reservation/usage.js'
import { errorCode, thrownCode } from '../../helpers/error-code.js'
import { FakeSide } from '../../helpers/fake-side.js'
import { mockFence } from '../../helpers/mock-fence.js'

function shared(): { reservation: Reservation; side: FakeSide } {
  const reservation = new Reservation()
  const side = new FakeSide()
  reservation.share(side)
  return { reservation, side }
}

let contexts = 100

function fenceOf(): Fence {
  contexts++
  return mockFence({}, contexts, contexts)
}

const turn = async (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('A shared reservation that is free everywhere is held when lock() returns [RESV-33]', async () => {
  const { reservation, side } = shared()
  const locking = reservation.lock()
  assert.equal(side.isHeld, true)
  const held = await locking
  held.release()
  assert.equal(side.isHeld, false)
  assert.equal(reservation.isLocked, false)
})

test('Reservation.tryLock takes neither lock where a stranger has one of them [WW-16]', () => {
  const { reservation, side } = shared()
  side.stranger = 1
  assert.equal(reservation.isLocked, true)
  assert.equal(reservation.tryLock(), undefined)
  assert.equal(reservation.isLockedHere, false)
  side.stranger = undefined
  const held = reservation.tryLock()
  assert.ok(held)
  held.release()
})

test('Reservation.lock leaves the local lock free while it waits for a stranger', async () => {
  const { reservation, side } = shared()
  side.stranger = 1
  const locking = reservation.lock()
  await turn()
  assert.equal(reservation.isLockedHere, false)
  side.pass()
  const held = await locking
  assert.equal(reservation.isLockedHere, true)
  held.release()
})

test('A context asks strangers with its own stamp, and each lock without one with a new stamp [WW-2]', async () => {
  const { reservation, side } = shared()
  const context = new AcquireContext(reservationWwClass)
  ;(await reservation.lock({ context })).release()
  ;(await reservation.lock()).release()
  ;(await reservation.lock()).release()
  const [first, second, third] = side.requests
  assert.deepEqual(first, { stamp: context.stamp, isContext: true })
  assert.ok(second!.stamp > first.stamp && third!.stamp > second!.stamp)
  assert.equal(second!.isContext, false)
})

test('A context that holds another lock gives way to an older stranger, then gets the lock slowly [WW-7] [WW-14]', async () => {
  const { reservation, side } = shared()
  const other = new Reservation()
  const context = new AcquireContext(reservationWwClass)
  const held = await other.lock({ context })
  side.stranger = context.stamp - 1
  assert.equal(await errorCode(() => reservation.lock({ context })), 'EDEADLK')
  held.release()
  const slow = reservation.lockSlow(context)
  await turn()
  side.pass()
  ;(await slow).release()
  context.finish()
})

test('A context that holds another lock waits for a younger stranger, until an older one takes over', async () => {
  const { reservation, side } = shared()
  const other = new Reservation()
  const context = new AcquireContext(reservationWwClass)
  const held = await other.lock({ context })
  side.stranger = context.stamp + 1
  const locking = errorCode(() => reservation.lock({ context }))
  await turn()
  side.pass(context.stamp - 1)
  assert.equal(await locking, 'EDEADLK')
  held.release()
  context.finish()
})

test('A context without a lock never gives way to a stranger [WW-6]', async () => {
  const { reservation, side } = shared()
  const context = new AcquireContext(reservationWwClass)
  side.stranger = context.stamp - 1
  const locking = reservation.lock({ context })
  await turn()
  side.pass()
  ;(await locking).release()
})

test('lockAll backs off from a shared lock and takes it first the next time', async () => {
  const { reservation, side } = shared()
  const other = new Reservation()
  side.stranger = 0
  const locking = lockAll([other, reservation])
  await turn()
  assert.equal(other.isLocked, false)
  side.pass()
  using held = await locking
  held.of(reservation).check('test')
})

test('A wait for a stranger ends with EINTR or ETIMEDOUT, and a free lock beats both [WW-12] [WW-13]', async () => {
  const { reservation, side } = shared()
  const reason = new Error('no more')
  const signal = AbortSignal.abort(reason)
  ;(await reservation.lock({ signal })).release()
  side.stranger = 1
  await assert.rejects(reservation.lock({ signal }), { code: 'EINTR', cause: reason })
  assert.equal(await errorCode(() => reservation.lock({ timeoutMs: 1 })), 'ETIMEDOUT')
  assert.equal(reservation.isLockedHere, false)
})

test('All looks at a shared reservation see what strangers have added by then', async () => {
  const { reservation, side } = shared()
  const fences = Array.from({ length: 6 }, () => fenceOf())
  let next = 0
  side.onRefresh = () => {
    const fence = fences[next]!
    if (next > 0) signalFence(fences[next - 1]!)
    reservation[TABLE].insert(fence, usageOrder('write'))
    next++
  }
  assert.equal(reservation.isSignaled('write'), false)
  assert.deepEqual(reservation.fences('write'), [fences[1]])
  assert.equal(reservation.singleton('write'), fences[2])
  assert.equal(reservation.entries('write').step(), fences[3])
  assert.equal(await reservation.waitTimeout('write', 0), 0)
  reservation.setDeadline('write', 1)
  assert.equal(next, 6)
})

test('Held.add, replace and copyFrom tell the shared side which fences are ours', async () => {
  const { reservation, side } = shared()
  const source = new Reservation()
  const [first, second, third] = [fenceOf(), fenceOf(), fenceOf()]
  {
    using held = await source.lock()
    held.reserve(1)
    held.add(third, 'read')
  }
  const held = await reservation.lock()
  assert.throws(() => held.add(first, 'read'), /No slot/)
  assert.equal(reservation[TABLE].list, undefined)
  held.reserve(2)
  held.add(first, 'read')
  held.replace(first.context, second, 'read')
  held.copyFrom(source)
  held.release()
  const expected = ['try', `added ${first.seqno}`, `added ${second.seqno}`]
  assert.deepEqual(side.calls, [...expected, `added ${third.seqno}`, 'replaced', 'unlock'])
})

test('Held.reserve and copyFrom fail where strangers could not be told, and nothing has changed [RESV-6] [RESV-25]', async () => {
  const { reservation, side } = shared()
  const source = new Reservation()
  {
    using held = await source.lock()
    held.reserve(2)
    held.add(fenceOf(), 'read')
    held.add(fenceOf(), 'read')
  }
  side.slots = 1
  using held = await reservation.lock()
  assert.throws(() => held.reserve(2), RangeError)
  held.reserve(1)
  const list = reservation[TABLE].list
  assert.throws(() => held.copyFrom(source), RangeError)
  assert.equal(reservation[TABLE].list, list)
})

test('Reservation.share refuses a second domain, and destroy() ends the shared side', () => {
  const { reservation, side } = shared()
  assert.equal(
    thrownCode(() => reservation.share(new FakeSide())),
    'EBUSY',
  )
  reservation.destroy()
  assert.deepEqual(side.calls, ['close'])
  assert.equal(
    thrownCode(() => new Reservation().share(side)),
    'none',
  )
})

test('Where the others are lost no lock and no wait of a shared reservation comes to anything', async () => {
  const { reservation, side } = shared()
  const held = reservation.tryLock()!
  const waiting = errorCode(() => reservation.lock())
  side.lost = new DmaBufError('ECONNRESET', 'test', 'Evicted')
  held.release()
  assert.equal(await waiting, 'ECONNRESET')
  const context = new AcquireContext(reservationWwClass)
  const codes = [
    thrownCode(() => reservation.tryLock()),
    thrownCode(() => reservation.isSignaled('read')),
    thrownCode(() => reservation.fences('read')),
    await errorCode(() => reservation.lock()),
    await errorCode(() => reservation.lockSlow(context)),
    await errorCode(() => lockAll([reservation])),
    await errorCode(() => reservation.wait('read')),
  ]
  context.finish()
  assert.deepEqual(codes, Array(7).fill('ECONNRESET'))
  assert.equal(reservation.isLockedHere, false)
})

test('Reservation.lockHere locks out this process alone where the others are lost', async () => {
  const { reservation, side } = shared()
  ;(await reservation.lockHere()).release()
  assert.equal(side.calls.at(-1), 'unlock')
  side.lost = new DmaBufError('ECONNRESET', 'test', 'Evicted')
  const held = await reservation.lockHere()
  assert.equal(reservation.isLockedHere, true)
  assert.equal(reservation.tryLockHere(), undefined)
  held.release()
  reservation.tryLockHere()!.release()
  assert.equal([...reservation.entries('bookkeep')].length, 0)
})

test('Reservation.lockHere fails as lock() does where nothing is lost', async () => {
  const { reservation, side } = shared()
  side.stranger = 1
  assert.equal(await errorCode(() => reservation.lockHere({ timeoutMs: 0 })), 'ETIMEDOUT')
  assert.equal(reservation.tryLockHere(), undefined)
  side.lost = new DmaBufError('ECONNRESET', 'test', 'Evicted')
  reservation.destroy()
  assert.equal(await errorCode(() => reservation.lockHere()), 'EINVAL')
  assert.equal(
    thrownCode(() => reservation.tryLockHere()),
    'EINVAL',
  )
})
