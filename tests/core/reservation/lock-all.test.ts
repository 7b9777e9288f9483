// Goal: several reservations are locked at once, by whomever and in whatever order, and none stays locked
// where that fails.
// Method: attempts that meet in both orders, signals, a manual clock, and a crowd from a seed.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { setDebug } from '#src/core/debug.js'
import { AcquireContext } from '#src/core/reservation/acquire-context.js'
import { lockAll } from '#src/core/reservation/lock-all.js'
import { Reservation, reservationWwClass } from '#src/core/reservation/reservation.js'
import { useManualClock } from '../../helpers/manual-clock.js'
import { Random } from '../../helpers/random.js'
import { collectWarnings } from '../../helpers/warnings.js'

function reservations(count: number): Reservation[] {
  return Array.from({ length: count }, () => new Reservation())
}

function assertUnlocked(list: readonly Reservation[]): void {
  for (const one of list) assert.equal(one.isLocked, false)
}

test('lockAll locks all under one context, and gives the proof of each [VG-3, RESV-37]', async () => {
  const list = reservations(3)
  const all = await lockAll(list)
  for (const one of list) {
    assert.equal(one.lockingContext, all.context)
    assert.equal(all.of(one).reservation, one)
    assert.equal(all.of(one).released, false)
  }
  assert.equal(all.context.acquired, 3)
  all.release()
  assertUnlocked(list)
  assert.equal(all.context.acquired, 0)
})

test('lockAll takes the same reservation several times [VG-3]', async () => {
  const [a, b] = reservations(2) as [Reservation, Reservation]
  using all = await lockAll([a, b, a, a, b])
  assert.equal(all.context.acquired, 2)
  assert.notEqual(all.of(a), all.of(b))
})

test('lockAll of none is fine', async () => {
  using _debug = setDebug({ lockChecks: true })
  using seen = collectWarnings()
  const task = { name: 'me' }
  const all = await lockAll([], { task })
  all.release()
  all.release()
  ;(await lockAll([], { task })).release()
  assert.deepEqual(seen.list, [])
})

test('HeldAll.of refuses what is not among them, and what was released', async () => {
  const list = reservations(2)
  const all = await lockAll([list[0]!])
  assert.throws(() => all.of(list[1]!), { code: 'EINVAL' })
  all.release()
  assert.throws(() => all.of(list[0]!), { code: 'EINVAL' })
})

test('HeldAll: one may be released before the others', async () => {
  const [a, b] = reservations(2) as [Reservation, Reservation]
  const all = await lockAll([a, b])
  all.of(a).release()
  assert.equal(a.isLocked, false)
  assert.equal(b.isLocked, true)
  const again = a.tryLock()!
  all.release()
  assert.equal(b.isLocked, false)
  assert.equal(again.released, false)
  assert.equal(a.isLocked, true)
})

test('lockAll locks in the order of the list [VG-3]', async () => {
  const list = reservations(3)
  const blocker = list[1]!.tryLock()!
  const locking = lockAll(list)
  for (let i = 0; i < 10; i++) await Promise.resolve()
  assert.deepEqual(
    list.map((one) => one.lockingContext !== undefined),
    [true, false, false],
  )
  blocker.release()
  ;(await locking).release()
  assertUnlocked(list)
})

test('lockAll backs off from an older attempt: releases all, waits for the contended one, and comes back [VG-3, WW-14]', async () => {
  const [a, b, c] = reservations(3) as [Reservation, Reservation, Reservation]
  const older = new AcquireContext(reservationWwClass)
  const heldC = await c.lock({ context: older })
  const locking = lockAll([a, b, c])
  for (let i = 0; i < 10; i++) await Promise.resolve()
  // It gave everything back, and waits for c alone.
  assert.equal(a.isLocked, false)
  assert.equal(b.isLocked, false)
  const heldA = await a.lock({ context: older })
  heldC.release()
  for (let i = 0; i < 10; i++) await Promise.resolve()
  // It has c, and met the older attempt again at a: it waits for a alone.
  assert.equal(c.isLocked, false)
  heldA.release()
  const all = await locking
  assert.equal(all.context.acquired, 3)
  for (const one of [a, b, c]) assert.equal(all.of(one).reservation, one)
  all.release()
  older.finish()
  assertUnlocked([a, b, c])
})

test('lockAll from both ends ends with both [VG-3]', async () => {
  const list = reservations(4)
  const both = [list, list.toReversed()].map(async (one) => {
    using all = await lockAll(one)
    await Promise.resolve()
    assert.equal(all.context.acquired, 4)
  })
  await Promise.all(both)
  assertUnlocked(list)
})

test('lockAll that is interrupted leaves nothing locked [VG-3]', async () => {
  const list = reservations(3)
  using _blocker = list[2]!.tryLock()!
  const abort = new AbortController()
  const locking = lockAll(list, { signal: abort.signal })
  await Promise.resolve()
  abort.abort('enough')
  await assert.rejects(locking, { code: 'EINTR', cause: 'enough' })
  assertUnlocked(list.slice(0, 2))
})

test('lockAll that is interrupted while it backs off leaves nothing locked [VG-3]', async () => {
  const [a, b] = reservations(2) as [Reservation, Reservation]
  using older = new AcquireContext(reservationWwClass)
  using _blocker = await b.lock({ context: older })
  const abort = new AbortController()
  const locking = lockAll([a, b], { signal: abort.signal })
  for (let i = 0; i < 10; i++) await Promise.resolve()
  assert.equal(a.isLocked, false)
  abort.abort('enough')
  await assert.rejects(locking, { code: 'EINTR' })
  assert.equal(a.isLocked, false)
})

test('lockAll has one time for all locks together', async () => {
  using time = useManualClock()
  const list = reservations(2)
  const first = list[0]!.tryLock()!
  using _second = list[1]!.tryLock()!
  const locking = lockAll(list, { timeoutMs: 10 })
  time.clock.advance(6)
  first.release()
  for (let i = 0; i < 10; i++) await Promise.resolve()
  let ended = false
  locking.catch(() => (ended = true))
  time.clock.advance(3)
  for (let i = 0; i < 10; i++) await Promise.resolve()
  assert.equal(ended, false)
  time.clock.advance(1)
  await assert.rejects(locking, { code: 'ETIMEDOUT' })
  assert.equal(list[0]!.isLocked, false)
})

test('lockAll divides its time exactly', async () => {
  using time = useManualClock()
  const list = reservations(2)
  const first = list[0]!.tryLock()!
  using _second = list[1]!.tryLock()!
  let ended = false
  const locking = lockAll(list, { timeoutMs: 1000 })
  locking.catch(() => (ended = true))
  time.clock.advance(1)
  first.release()
  for (let i = 0; i < 10; i++) await Promise.resolve()
  time.clock.advance(998.9999)
  for (let i = 0; i < 10; i++) await Promise.resolve()
  assert.equal(ended, false)
  time.clock.advance(0.0001)
  await assert.rejects(locking, { code: 'ETIMEDOUT' })
})

test('lockAll whose time is over before the second lock does not wait for it', async () => {
  using time = useManualClock()
  const list = reservations(2)
  const first = list[0]!.tryLock()!
  using _second = list[1]!.tryLock()!
  let ended = false
  const locking = lockAll(list, { timeoutMs: 10 })
  locking.catch(() => (ended = true))
  first.release()
  time.clock.advance(20)
  for (let i = 0; i < 10; i++) await Promise.resolve()
  time.clock.advance(0)
  for (let i = 0; i < 10; i++) await Promise.resolve()
  assert.equal(ended, true)
  await assert.rejects(locking, { code: 'ETIMEDOUT' })
})

test('lockAll for ever takes no time limit', async () => {
  using time = useManualClock()
  const [one] = reservations(1) as [Reservation]
  const blocker = one.tryLock()!
  const locking = lockAll([one], { timeoutMs: Infinity })
  assert.equal(time.clock.timerCount, 0)
  blocker.release()
  ;(await locking).release()
})

test('lockAll that fails has finished its context [WW-18]', async () => {
  using _debug = setDebug({ lockChecks: true })
  using seen = collectWarnings()
  const list = reservations(2)
  list[1]!.destroy()
  const task = { name: 'me' }
  await assert.rejects(lockAll(list, { task }), { code: 'EINVAL' })
  ;(await lockAll([list[0]!], { task })).release()
  assert.deepEqual(seen.list, [])
})

test('lockAll of a destroyed one fails, and leaves nothing locked', async () => {
  const list = reservations(2)
  list[1]!.destroy()
  await assert.rejects(lockAll(list), { code: 'EINVAL' })
  assert.equal(list[0]!.isLocked, false)
})

test('lockAll uses its context as the debug checks want it, with back-offs from nowhere, too [VG-3, WW-14, WW-18]', async () => {
  using _debug = setDebug({ lockChecks: true, injectBackoff: true })
  using seen = collectWarnings()
  const list = reservations(5)
  const task = { name: 'me' }
  for (let i = 0; i < 20; i++) (await lockAll(list, { task })).release()
  assert.deepEqual(seen.list, [])
  assertUnlocked(list)
})

test('lockAll says that no more is locked under its context [WW-18]', async () => {
  using _debug = setDebug({ lockChecks: true })
  using seen = collectWarnings()
  const [a, b] = reservations(2) as [Reservation, Reservation]
  using all = await lockAll([a])
  ;(await b.lock({ context: all.context })).release()
  assert.deepEqual(
    seen.list.map(({ rule }) => rule),
    ['WW-19'],
  )
})

test('lockAll by a crowd: everybody gets all, nobody else is in, nothing stays locked [VG-3]', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => {
      const random = new Random(seed)
      const list = reservations(6)
      const users = new Map<Reservation, number>()
      const workers = Array.from({ length: 8 }, async (_, worker) => {
        for (let round = 0; round < 5; round++) {
          const wanted = Array.from({ length: 1 + random.below(6) }, () => random.pick(list))
          using all = await lockAll(wanted)
          for (const one of wanted) {
            assert.equal(users.get(one) ?? worker, worker)
            users.set(one, worker)
          }
          for (let i = random.below(4); i > 0; i--) await Promise.resolve()
          for (const one of wanted) users.delete(one)
          assert.equal(all.context.acquired, new Set(wanted).size)
        }
      })
      await Promise.all(workers)
      assertUnlocked(list)
    }),
    { numRuns: 200, endOnFailure: true },
  )
})

test('lockAll refuses a time that is none before it locks anything', async () => {
  const list = reservations(2)
  for (const timeoutMs of [-1, Number.NaN])
    await assert.rejects(lockAll(list, { timeoutMs }), RangeError)
  assertUnlocked(list)
})

test('lockAll of what is no reservation is a TypeError, and locks nothing', async () => {
  const list = reservations(1)
  const odd = {} as unknown as Reservation
  await assert.rejects(lockAll([...list, odd]), /TypeError: lockAll takes reservations/)
  assertUnlocked(list)
})
