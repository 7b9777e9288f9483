// Goal: a lock excludes, tells who must give way, and ends its waits as it was asked to.
// Method: cooperative tasks; settle() lets everybody run who can; a manual clock.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setDebug } from '#src/core/debug.js'
import type { DmaBufError } from '#src/core/errors.js'
import type { AcquireContext } from '#src/core/reservation/acquire-context.js'
import { WwMutex } from '#src/core/reservation/ww-mutex.js'
import { nameTask } from '#src/core/wait-graph.js'
import { useManualClock } from '../../helpers/manual-clock.js'
import { ALGORITHMS, settle, track, WwRig } from '../../helpers/ww-rig.js'

/** Two locks, the older of two contexts holding the first, the younger the second. */
async function openCrossing(algorithm: 'wait-die' | 'wound-wait') {
  const rig = new WwRig(algorithm)
  const [x, y] = [rig.mutex(0), rig.mutex(1)]
  const [older, younger] = [rig.context(), rig.context()]
  await x.lock(older)
  await y.lock(younger)
  return { rig, x, y, older, younger }
}

test('Wait-Die: the worked example, step by step [EX-13, WW-1, WW-6, WW-7, WW-14]', async () => {
  const { rig, x, y, older: a, younger: b } = await openCrossing('wait-die')
  const c = rig.context()
  assert.deepEqual([a.stamp, b.stamp, c.stamp], [1, 2, 3])
  await assert.rejects(x.lock(b), { code: 'EDEADLK' })
  assert.equal(b.contended, x)
  const aLocksY = track(y.lock(a))
  await settle()
  assert.equal(aLocksY.state, 'waits')
  y.unlock()
  await settle()
  assert.equal(aLocksY.state, 'held')
  const bLocksX = track(x.lockSlow(b))
  const cLocksX = track(x.lock(c))
  await settle()
  assert.deepEqual([bLocksX.state, cLocksX.state], ['waits', 'waits'])
  x.unlock()
  y.unlock()
  await settle()
  assert.deepEqual([bLocksX.state, cLocksX.state], ['held', 'waits'])
  await y.lock(b)
  assert.equal(b.acquired, 2)
  x.unlock()
  y.unlock()
  await settle()
  assert.equal(cLocksX.state, 'held')
})

test('Wound-Wait: the worked example, step by step [EX-14, WW-1, WW-10]', async () => {
  const { rig, x, y, older: a, younger: b } = await openCrossing('wound-wait')
  const z = rig.mutex(2)
  const aLocksY = track(y.lock(a))
  await settle()
  assert.deepEqual([aLocksY.state, b.wounded, a.wounded], ['waits', true, false])
  await z.lock(b)
  assert.equal(b.acquired, 2)
  await assert.rejects(x.lock(b), { code: 'EDEADLK' })
  assert.equal(b.contended, x)
  z.unlock()
  y.unlock()
  await settle()
  assert.equal(aLocksY.state, 'held')
})

test('WwMutex.lock without a context is an ordinary lock [WW-3]', async () => {
  for (const algorithm of ALGORITHMS) {
    const mutex = new WwRig(algorithm).mutex(0)
    await mutex.lock()
    assert.deepEqual([mutex.locked, mutex.context], [true, undefined])
    const [second, third] = [track(mutex.lock()), track(mutex.lock())]
    for (const states of [
      ['waits', 'waits'],
      ['held', 'waits'],
      ['held', 'held'],
    ]) {
      await settle()
      assert.deepEqual([second.state, third.state], states)
      mutex.unlock()
    }
    assert.equal(mutex.locked, false)
  }
})

test('Locks without contexts that cross are never told EDEADLK [WW-3]', async () => {
  for (const algorithm of ALGORITHMS) {
    const rig = new WwRig(algorithm)
    const [x, y] = [rig.mutex(0), rig.mutex(1)]
    await x.lock()
    await y.lock()
    const crossing = [track(y.lock()), track(x.lock())]
    await settle()
    assert.deepEqual(
      crossing.map(({ state }) => state),
      ['waits', 'waits'],
    )
  }
})

for (const algorithm of ALGORITHMS) {
  test(`${algorithm}: a context that holds the lock is told EALREADY, and nothing changes [WW-4]`, async () => {
    const { x, older } = await openCrossing(algorithm)
    await assert.rejects(x.lock(older), { code: 'EALREADY', rule: 'WW-4' })
    const stopped = { signal: AbortSignal.abort() }
    await assert.rejects(x.lock(older, stopped), { code: 'EALREADY' })
    assert.deepEqual([x.context, older.acquired, older.contended], [older, 1, undefined])
    x.unlock()
    assert.deepEqual([x.locked, x.context, older.acquired], [false, undefined, 0])
  })

  test(`${algorithm}: a free lock is held when lock() returns [WW-5]`, () => {
    const rig = new WwRig(algorithm)
    const [mutex, context] = [rig.mutex(0), rig.context()]
    void mutex.lock(context)
    assert.deepEqual([mutex.locked, mutex.context, context.acquired], [true, context, 1])
  })

  test(`${algorithm}: unlock() forgets the context and counts down before it lets another in [WW-17]`, async () => {
    const rig = new WwRig(algorithm)
    const [x, y, context] = [rig.mutex(0), rig.mutex(1), rig.context()]
    await x.lock(context)
    await y.lock(context)
    x.unlock()
    assert.deepEqual([x.locked, x.context, context.acquired], [false, undefined, 1])
    y.unlock()
    assert.deepEqual([y.locked, context.acquired], [false, 0])
    y.unlock()
    assert.equal(context.acquired, 0)
    await y.lock()
    y.unlock()
    assert.equal(context.acquired, 0)
  })

  test(`${algorithm}: tryLock() takes a free lock, and counts [WW-16]`, () => {
    const rig = new WwRig(algorithm)
    const [x, y, context] = [rig.mutex(0), rig.mutex(1), rig.context()]
    assert.deepEqual([x.tryLock(context), x.context, context.acquired], [true, context, 1])
    assert.deepEqual([y.tryLock(), y.locked, y.context], [true, true, undefined])
  })

  test(`${algorithm}: tryLock() of a held lock is false, whoever holds it, and says no more [WW-16]`, async () => {
    const { x, y, older, younger } = await openCrossing(algorithm)
    for (const context of [older, younger, undefined]) {
      assert.equal(x.tryLock(context), false)
      assert.equal(y.tryLock(context), false)
    }
    for (const { acquired, contended, wounded } of [older, younger])
      assert.deepEqual([acquired, contended, wounded], [1, undefined, false])
    assert.deepEqual([x.context, y.context], [older, younger])
  })

  test(`${algorithm}: an aborted signal ends the wait with EINTR and its reason as cause [WW-13, MIS-14]`, async () => {
    const { rig, x } = await openCrossing(algorithm)
    const stop = new AbortController()
    const context = rig.context()
    const lock = track(x.lock(context, { signal: stop.signal }))
    await settle()
    assert.equal(lock.state, 'waits')
    const reason = new Error('stop')
    stop.abort(reason)
    await settle()
    assert.deepEqual([lock.code, (lock.error as DmaBufError).cause], ['EINTR', reason])
    assert.deepEqual([context.waitingFor, context.acquired], [undefined, 0])
  })

  test(`${algorithm}: a signal that is aborted already counts only where the lock is held [WW-12, WW-13, PORT-2]`, async () => {
    const { rig, x } = await openCrossing(algorithm)
    const signal = AbortSignal.abort()
    await assert.rejects(x.lock(rig.context(), { signal }), { code: 'EINTR' })
    await assert.rejects(x.lock(undefined, { signal }), { code: 'EINTR' })
    await rig.mutex(5).lock(rig.context(), { signal })
    assert.equal(rig.mutex(5).locked, true)
  })

  test(`${algorithm}: lockSlow() simply waits, and can be interrupted [WW-14, WW-15]`, async () => {
    const rig = new WwRig(algorithm)
    const mutex = rig.mutex(0)
    await mutex.lock(rig.context())
    const context = rig.context()
    const stop = new AbortController()
    const interrupted = track(mutex.lockSlow(context, { signal: stop.signal }))
    stop.abort()
    await settle()
    assert.equal(interrupted.code, 'EINTR')
    const lock = track(mutex.lockSlow(context))
    await settle()
    assert.equal(lock.state, 'waits')
    mutex.unlock()
    await settle()
    assert.deepEqual([lock.state, context.acquired], ['held', 1])
  })
}

test('A back-off loop is told EALREADY for the lock it took slowly [WW-14]', async () => {
  const { rig, x, y, older, younger } = await openCrossing('wait-die')
  await assert.rejects(x.lock(younger), { code: 'EDEADLK' })
  y.unlock()
  const slow = x.lockSlow(younger)
  x.unlock()
  await slow
  await assert.rejects(x.lock(younger), { code: 'EALREADY' })
  await y.lock(younger)
  await rig.mutex(2).lock(younger)
  assert.deepEqual([younger.acquired, older.acquired], [3, 0])
})

test('lockSlow() with other locks held does not pretend to have waited [WW-15]', async () => {
  const { x, younger } = await openCrossing('wait-die')
  await assert.rejects(x.lock(younger), { code: 'EDEADLK' })
  await assert.rejects(x.lockSlow(younger), { code: 'EDEADLK' })
  assert.deepEqual([younger.acquired, x.context === younger], [1, false])
})

test('lock() times out after its time and not before, and says who holds it', async () => {
  using time = useManualClock()
  const rig = new WwRig('wait-die')
  const mutex = rig.mutex(0)
  const [holder, context] = [rig.context(), rig.context()]
  nameTask(holder, 'renderer')
  await mutex.lock(holder)
  const lock = track(mutex.lock(context, { timeoutMs: 10 }))
  time.clock.advance(9.999)
  await settle()
  assert.equal(lock.state, 'waits')
  time.clock.advance(0.001)
  await settle()
  assert.equal(lock.code, 'ETIMEDOUT')
  assert.match((lock.error as Error).message, /lock timed out after 10 ms: renderer holds it/)
  assert.deepEqual([context.waitingFor, mutex.context], [undefined, holder])
  const plain = track(mutex.lock(undefined, { timeoutMs: 0 }))
  mutex.unlock()
  mutex.tryLock()
  time.clock.advance(0)
  await settle()
  assert.match((plain.error as Error).message, /after 0 ms: somebody holds it/)
})

test('lock() with a timeout of 0 takes a free lock', async () => {
  using time = useManualClock()
  const mutex = new WwRig('wait-die').mutex(0)
  await mutex.lock(undefined, { timeoutMs: 0 })
  assert.deepEqual([mutex.locked, time.clock.timerCount], [true, 0])
})

test('lock() refuses a timeout that is no time, and takes nothing', async () => {
  const mutex = new WwRig('wait-die').mutex(0)
  for (const timeoutMs of [-1, NaN]) {
    await assert.rejects(mutex.lock(undefined, { timeoutMs }), RangeError)
    assert.equal(mutex.locked, false)
  }
})

test('wait() on a lock that is free takes it: no unlock would come', async () => {
  const rig = new WwRig('wait-die')
  const context = rig.context()
  await rig.mutex(0).wait(context)
  assert.equal(rig.mutex(0).context, context)
})

/** Which of the next `count` lock() calls were told EDEADLK, counted from 1. */
async function deathsOf(rig: WwRig, context: AcquireContext, count: number): Promise<number[]> {
  const deaths: number[] = []
  for (let call = 1; call <= count; call++) {
    const mutex = new WwMutex(rig.wwClass)
    const lock = track(mutex.lock(context))
    await settle(2)
    if (lock.state === 'held') continue
    assert.equal(lock.code, 'EDEADLK')
    assert.deepEqual([mutex.locked, context.contended], [false, mutex])
    deaths.push(call)
  }
  return deaths
}

test('Injected back-offs come after stamp & 15 locks, then after 3, 10, 35 and 122 more [WW-20]', async () => {
  using _debug = setDebug({ injectBackoff: true })
  for (const stamp of [1, 15, 16, 21]) {
    const rig = new WwRig('wait-die')
    for (let i = 1; i < stamp; i++) rig.context()
    const context = rig.context()
    // Only what a context locks while it holds others counts: the first call does not.
    const first = 2 + (stamp % 16)
    const second = first + 4
    const third = second + 11
    const fourth = third + 36
    const fifth = fourth + 123
    const deaths = await deathsOf(rig, context, fifth + 1)
    assert.deepEqual(deaths, [first, second, third, fourth, fifth], `stamp ${stamp}`)
    assert.equal(context.acquired, fifth + 1 - deaths.length)
  }
})

test('An injected back-off lets the next waiter have the lock [WW-20]', async () => {
  using _debug = setDebug({ injectBackoff: true })
  const rig = new WwRig('wait-die')
  for (let i = 1; i < 16; i++) rig.context()
  const context = await rig.busyContext()
  const mutex = rig.mutex(0)
  await mutex.lock()
  const victim = track(mutex.lock(context))
  const next = track(mutex.lock())
  mutex.unlock()
  await settle()
  assert.deepEqual([victim.code, next.state], ['EDEADLK', 'held'])
  assert.deepEqual([context.acquired, context.contended], [1, mutex])
})

test('tryLock() and lockSlow() with nothing held are never told EDEADLK by injection [WW-20]', async () => {
  using _debug = setDebug({ injectBackoff: true })
  const rig = new WwRig('wait-die')
  for (let i = 1; i < 16; i++) rig.context()
  const context = rig.context()
  await rig.mutex(0).lockSlow(context)
  for (let i = 1; i < 9; i++) assert.equal(rig.mutex(i).tryLock(context), true)
  await assert.rejects(rig.mutex(9).lock(context), { code: 'EDEADLK' })
})

test('Nothing is injected unless it is switched on [WW-20]', async () => {
  const rig = new WwRig('wait-die')
  assert.deepEqual(await deathsOf(rig, rig.context(), 40), [])
})
