// Goal: who waits, who gives way and who is next is what the rules say, for both algorithms.
// Method: queues built by hand, a lock taken between an unlock and the waiter it woke, settle() for "all ran".
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AcquireContext } from '#src/core/reservation/acquire-context.js'
import type { LockOptions } from '#src/core/reservation/ww-mutex.js'
import { useManualClock } from '../../helpers/manual-clock.js'
import { ALGORITHMS, settle, track, WwRig, type Tracked } from '../../helpers/ww-rig.js'

/** A rig with one lock to queue for, and contexts that hold something already, the oldest first. */
async function openQueue(algorithm: 'wait-die' | 'wound-wait', busy: number) {
  const rig = new WwRig(algorithm)
  const mutex = rig.mutex(0)
  const contexts: AcquireContext[] = []
  for (let i = 0; i < busy; i++) contexts.push(await rig.busyContext())
  const lock = (context?: AcquireContext, options?: LockOptions) =>
    track(mutex.lock(context, options))
  return {
    rig,
    mutex,
    lock,
    contexts: contexts as [AcquireContext, AcquireContext, AcquireContext],
  }
}

function statesOf(...locks: readonly Tracked[]): readonly string[] {
  return locks.map(({ state, code }) => code ?? state)
}

for (const algorithm of ALGORITHMS) {
  test(`${algorithm}: a context that holds nothing waits, behind an older holder and older waiters [WW-6]`, async () => {
    const { rig, mutex, lock } = await openQueue(algorithm, 1)
    const [first, second, third] = [rig.context(), rig.context(), rig.context()]
    await mutex.lock(first)
    const locks = [lock(second), lock(third)]
    await settle()
    assert.deepEqual(statesOf(...locks), ['waits', 'waits'])
  })

  test(`${algorithm}: unlock() lets contexts in oldest first, others where they came [WW-12]`, async () => {
    const { rig, mutex } = await openQueue(algorithm, 0)
    const contexts = Array.from({ length: 4 }, () => rig.context())
    const order: string[] = []
    const enter = async (name: string, context?: AcquireContext) => {
      await mutex.lock(context)
      order.push(name)
      mutex.unlock()
    }
    mutex.tryLock()
    const done = [
      enter('plain 1'),
      enter('fourth', contexts[3]),
      enter('plain 2'),
      enter('first', contexts[0]),
      enter('third', contexts[2]),
      enter('plain 3'),
      enter('second', contexts[1]),
    ]
    mutex.unlock()
    await Promise.all(done)
    const expected = ['plain 1', 'first', 'second', 'third', 'fourth', 'plain 2', 'plain 3']
    assert.deepEqual(order, expected)
  })

  test(`${algorithm}: a free lock beats an aborted signal, whichever came first [WW-12]`, async () => {
    for (const abortFirst of [true, false]) {
      const { rig, mutex, lock } = await openQueue(algorithm, 0)
      const stop = new AbortController()
      mutex.tryLock()
      const waiting = lock(rig.context(), { signal: stop.signal })
      if (abortFirst) stop.abort()
      mutex.unlock()
      if (!abortFirst) stop.abort()
      await settle()
      assert.equal(waiting.state, 'held')
    }
  })

  test(`${algorithm}: a waiter that is interrupted while the lock is free takes it before the first [WW-12]`, async () => {
    const { rig, mutex, lock } = await openQueue(algorithm, 0)
    const stop = new AbortController()
    mutex.tryLock()
    const [first, second] = [rig.context(), rig.context()]
    const firstLock = lock(first)
    const secondLock = lock(second, { signal: stop.signal })
    stop.abort()
    mutex.unlock()
    await settle()
    assert.deepEqual(statesOf(firstLock, secondLock), ['waits', 'held'])
    mutex.unlock()
    await settle()
    assert.equal(firstLock.state, 'held')
  })

  test(`${algorithm}: an interrupted waiter leaves the others in their order [WW-12, WW-13]`, async () => {
    const { rig, mutex, lock } = await openQueue(algorithm, 0)
    mutex.tryLock()
    const stop = new AbortController()
    const locks = [
      lock(rig.context()),
      lock(rig.context(), { signal: stop.signal }),
      lock(rig.context()),
    ]
    stop.abort()
    await settle()
    assert.deepEqual(statesOf(...locks), ['waits', 'EINTR', 'waits'])
    mutex.unlock()
    await settle()
    assert.deepEqual(statesOf(...locks), ['held', 'EINTR', 'waits'])
    mutex.unlock()
    await settle()
    assert.deepEqual(statesOf(...locks), ['held', 'EINTR', 'held'])
  })
}

test('Wait-Die: what a context that holds others is told depends on who holds the lock [WW-7]', async () => {
  for (const [holder, answer] of [
    ['an older context', 'EDEADLK'],
    ['a younger context', 'waits'],
    ['no context', 'waits'],
  ] as const) {
    const { rig, mutex, lock, contexts } = await openQueue('wait-die', 2)
    const holders = { 'an older context': contexts[0], 'a younger context': rig.context() }
    mutex.tryLock(holder === 'no context' ? undefined : holders[holder])
    const waiting = lock(contexts[1])
    await settle()
    assert.deepEqual(statesOf(waiting), [answer], holder)
  }
})

test('Wait-Die: an older waiter with a context is enough to die, at once and unqueued [WW-8]', async () => {
  const { rig, mutex, lock, contexts } = await openQueue('wait-die', 0)
  const older = rig.context()
  const younger = await rig.busyContext()
  mutex.tryLock()
  const first = lock(older)
  assert.equal(mutex.tryAcquire(younger), 'die')
  // Dying here is no wait: not even a signal comes before it.
  assert.equal(mutex.tryAcquire(younger, { signal: AbortSignal.abort() }), 'die')
  assert.deepEqual([younger.contended, younger.waitingFor], [mutex, undefined])
  assert.equal(contexts.length, 0)
  await settle()
  assert.equal(first.state, 'waits')
})

test('Wait-Die: a waiter without a context is no reason to die [WW-8]', async () => {
  const { mutex, lock, contexts } = await openQueue('wait-die', 1)
  mutex.tryLock()
  const locks = [lock(), lock(contexts[0])]
  await settle()
  assert.deepEqual(statesOf(...locks), ['waits', 'waits'])
})

test('Wait-Die: an older waiter that queues makes the younger ones that hold others die [WW-8, WW-9]', async () => {
  const { rig, mutex, lock, contexts } = await openQueue('wait-die', 0)
  const older = rig.context()
  const busy = await rig.busyContext()
  const idle = rig.context()
  mutex.tryLock()
  const [busyLock, idleLock] = [lock(busy), lock(idle)]
  await settle()
  assert.deepEqual(statesOf(busyLock, idleLock), ['waits', 'waits'])
  const olderLock = lock(older)
  await settle()
  assert.deepEqual(statesOf(busyLock, idleLock, olderLock), ['EDEADLK', 'waits', 'waits'])
  assert.deepEqual([busy.contended, busy.waitingFor, contexts.length], [mutex, undefined, 0])
})

test('Wait-Die: who takes the lock before its turn makes the first younger context die [WW-9]', async () => {
  const { rig, mutex, lock } = await openQueue('wait-die', 0)
  const older = rig.context()
  const busy = await rig.busyContext()
  mutex.tryLock()
  // The waiter without a context is the one that unlock() wakes.
  const [plain, busyLock] = [lock(), lock(busy)]
  mutex.unlock()
  assert.equal(mutex.tryLock(older), true)
  await settle()
  assert.deepEqual(statesOf(plain, busyLock), ['waits', 'EDEADLK'])
})

test('Wait-Die: who takes the lock before its turn kills no older context, nor one that holds nothing [WW-9]', async () => {
  const { rig, mutex, lock, contexts } = await openQueue('wait-die', 1)
  const [thief, idle] = [rig.context(), rig.context()]
  mutex.tryLock()
  const locks = [lock(), lock(contexts[0]), lock(idle)]
  mutex.unlock()
  mutex.tryLock(thief)
  await settle()
  assert.deepEqual(statesOf(...locks), ['waits', 'waits', 'waits'])
})

test('A signal beats giving way [WW-12]', async () => {
  const { rig, mutex, lock } = await openQueue('wait-die', 0)
  const older = rig.context()
  const busy = await rig.busyContext()
  const stop = new AbortController()
  mutex.tryLock()
  const busyLock = lock(busy, { signal: stop.signal })
  void lock(older)
  stop.abort()
  await settle()
  assert.deepEqual([statesOf(busyLock), busy.contended], [['EINTR'], undefined])
  // The same when it asks: the holder alone would make it die.
  mutex.unlock()
  await settle()
  assert.equal(mutex.context, older)
  assert.equal(mutex.tryAcquire(busy, { signal: AbortSignal.abort() }), 'interrupted')
  assert.equal(mutex.tryAcquire(busy), 'die')
})

test('A free lock beats giving way [WW-12]', async () => {
  const { rig, mutex, lock } = await openQueue('wait-die', 0)
  const older = rig.context()
  const busy = await rig.busyContext()
  mutex.tryLock()
  const busyLock = lock(busy)
  const olderLock = lock(older)
  mutex.unlock()
  await settle()
  assert.deepEqual(statesOf(busyLock, olderLock), ['held', 'waits'])
})

test('Wound-Wait: an older context wounds the younger holder and waits [WW-10]', async () => {
  const { rig, mutex, lock, contexts } = await openQueue('wound-wait', 1)
  const holder = rig.context()
  await mutex.lock(holder)
  const older = lock(contexts[0])
  assert.equal(holder.wounded, true)
  await settle()
  assert.equal(older.state, 'waits')
  // It notices when it has to wait, and not before.
  await rig.mutex(1).lock(holder)
  assert.equal(rig.mutex(2).tryLock(holder), true)
  assert.equal(holder.acquired, 3)
  const contended = await rig.busyContext()
  await rig.mutex(3).lock(contended)
  const dying = track(rig.mutex(3).lock(holder))
  await settle()
  assert.deepEqual([statesOf(dying), holder.contended], [['EDEADLK'], rig.mutex(3)])
})

test('Wound-Wait: the wounded flag of a context that holds nothing is cleared when it locks [WW-5]', async () => {
  const { rig, mutex, contexts } = await openQueue('wound-wait', 1)
  const held = rig.mutex(1)
  held.tryLock()
  const ways = [
    (context: AcquireContext) => held.tryLock(context),
    (context: AcquireContext) => held.tryAcquire(context),
    (context: AcquireContext) => rig.mutex(2).tryLock(context),
  ]
  for (const way of ways) {
    const younger = rig.context()
    await mutex.lock(younger)
    const waiting = track(mutex.lock(contexts[0]))
    mutex.unlock()
    await settle()
    assert.deepEqual([waiting.state, younger.wounded], ['held', true])
    way(younger)
    assert.equal(younger.wounded, false)
    mutex.unlock()
  }
})

test('Wound-Wait: a younger context, one that holds nothing, and one without wound nobody [WW-10]', async () => {
  const { rig, mutex, lock, contexts } = await openQueue('wound-wait', 1)
  const idle = rig.context()
  const holder = contexts[0]
  const middle = rig.context()
  await mutex.lock(middle)
  const younger = await rig.busyContext()
  const locks = [lock(idle), lock(younger), lock()]
  await settle()
  assert.deepEqual(statesOf(...locks), ['waits', 'waits', 'waits'])
  for (const context of [idle, holder, middle, younger]) assert.equal(context.wounded, false)
})

test('Wound-Wait: a holder that is wounded while it waits gives way in that wait [WW-10]', async () => {
  const { rig, mutex, lock, contexts } = await openQueue('wound-wait', 1)
  const holder = rig.context()
  await mutex.lock(holder)
  const other = rig.mutex(1)
  await other.lock()
  const waiting = track(other.lock(holder))
  await settle()
  assert.equal(waiting.state, 'waits')
  const older = lock(contexts[0])
  await settle()
  assert.deepEqual(statesOf(waiting, older), ['EDEADLK', 'waits'])
  mutex.unlock()
  await settle()
  assert.equal(older.state, 'held')
})

test('Wound-Wait: a wounded context that holds nothing any more goes on waiting [WW-6, WW-10]', async () => {
  const { rig, mutex, lock, contexts } = await openQueue('wound-wait', 1)
  const holder = rig.context()
  await mutex.lock(holder)
  const other = rig.mutex(1)
  await other.lock()
  const first = track(other.lock())
  const waiting = track(other.lock(holder))
  void lock(contexts[0])
  mutex.unlock()
  await settle()
  assert.deepEqual([waiting.state, holder.acquired], ['waits', 0])
  // Behind another it has not asked for a hand-off when it looked.
  assert.equal(first.state, 'waits')
  other.unlock()
  assert.equal(other.locked, false)
  await settle()
  assert.deepEqual([first.state, waiting.state], ['held', 'waits'])
})

test('Wound-Wait: who takes the lock past an older waiter that holds others is wounded [WW-11]', async () => {
  const { rig, mutex, lock } = await openQueue('wound-wait', 0)
  const idle = rig.context()
  const older = await rig.busyContext()
  const thief = rig.context()
  mutex.tryLock()
  // unlock() wakes the one without a context; the oldest holds nothing, the next does.
  const locks = [lock(), lock(idle), lock(older)]
  mutex.unlock()
  void mutex.lock(thief)
  assert.deepEqual([mutex.context, thief.wounded], [thief, true])
  await settle()
  assert.deepEqual(statesOf(...locks), ['waits', 'waits', 'waits'])
})

test('Wound-Wait: who takes the lock past younger waiters, or those that hold nothing, is not wounded [WW-11]', async () => {
  const { rig, mutex, lock } = await openQueue('wound-wait', 0)
  const [idle, thief] = [rig.context(), rig.context()]
  const younger = await rig.busyContext()
  mutex.tryLock()
  for (const context of [undefined, idle, younger]) void lock(context)
  mutex.unlock()
  assert.deepEqual([mutex.tryLock(thief), thief.wounded], [true, false])
})

test('Wound-Wait: a waiter that gets the lock before its turn is wounded by an older one [WW-11]', async () => {
  const { rig, mutex, lock, contexts } = await openQueue('wound-wait', 1)
  const younger = rig.context()
  const stop = new AbortController()
  mutex.tryLock()
  const locks = [lock(), lock(contexts[0]), lock(younger, { signal: stop.signal })]
  stop.abort()
  mutex.unlock()
  await settle()
  assert.deepEqual(statesOf(...locks), ['waits', 'waits', 'held'])
  assert.equal(younger.wounded, true)
})

for (const algorithm of ALGORITHMS) {
  /** A waiter that found the lock taken by somebody faster, and asked for a hand-off. */
  const openHandOff = async (options: LockOptions = {}) => {
    const queue = await openQueue(algorithm, 0)
    const { rig, mutex } = queue
    const oldest = rig.context()
    const first = rig.context()
    mutex.tryLock()
    const firstLock = queue.lock(first, options)
    mutex.unlock()
    assert.equal(mutex.tryLock(), true)
    await settle()
    assert.equal(firstLock.state, 'waits')
    return { ...queue, oldest, first, firstLock }
  }

  test(`${algorithm}: a lock can be taken before the woken waiter runs, but only once [WW-12]`, async () => {
    const { mutex, lock, first, firstLock } = await openHandOff()
    const second = lock()
    mutex.unlock()
    assert.deepEqual([mutex.context, mutex.tryLock(), mutex.locked], [first, false, true])
    await settle()
    assert.deepEqual(statesOf(firstLock, second), ['held', 'waits'])
    // The next one has not asked yet.
    mutex.unlock()
    assert.equal(mutex.tryLock(), true)
  })

  test(`${algorithm}: a waiter that has not run yet asks for no hand-off [WW-12]`, async () => {
    const { mutex, lock } = await openQueue(algorithm, 0)
    mutex.tryLock()
    const waiting = lock()
    for (let i = 0; i < 3; i++) {
      mutex.unlock()
      assert.equal(mutex.tryLock(), true)
    }
    mutex.unlock()
    await settle()
    assert.equal(waiting.state, 'held')
  })

  test(`${algorithm}: the hand-off goes to whoever is first by then [WW-12]`, async () => {
    const { mutex, lock, oldest, firstLock } = await openHandOff()
    const oldestLock = lock(oldest)
    mutex.unlock()
    assert.equal(mutex.context, oldest)
    await settle()
    assert.deepEqual(statesOf(firstLock, oldestLock), ['waits', 'held'])
    mutex.unlock()
    await settle()
    assert.equal(firstLock.state, 'held')
  })

  test(`${algorithm}: an abort after the hand-off comes too late: the lock is held [WW-12]`, async () => {
    const stop = new AbortController()
    const { mutex, first, firstLock } = await openHandOff({ signal: stop.signal })
    mutex.unlock()
    stop.abort()
    await settle()
    assert.deepEqual([firstLock.state, mutex.context], ['held', first])
    mutex.unlock()
    assert.equal(mutex.locked, false)
  })

  test(`${algorithm}: an abort and the hand-off in one turn hold the lock [WW-12]`, async () => {
    const stop = new AbortController()
    const { mutex, lock, first, firstLock } = await openHandOff({ signal: stop.signal })
    const next = lock()
    stop.abort()
    mutex.unlock()
    await settle()
    assert.deepEqual([firstLock.state, mutex.context], ['held', first])
    mutex.unlock()
    await settle()
    assert.equal(next.state, 'held')
  })

  test(`${algorithm}: a hand-off whose waiter gave up goes to the next one, or nowhere [WW-12]`, async () => {
    for (const others of [0, 1]) {
      const stop = new AbortController()
      const { mutex, lock, firstLock } = await openHandOff({ signal: stop.signal })
      const next = Array.from({ length: others }, () => lock())
      stop.abort()
      await settle()
      assert.equal(firstLock.code, 'EINTR')
      mutex.unlock()
      assert.equal(mutex.locked, others > 0)
      await settle()
      assert.deepEqual(statesOf(...next), others > 0 ? ['held'] : [])
      if (others > 0) mutex.unlock()
      // Who comes later has asked for nothing.
      assert.equal(mutex.tryLock(), true)
      const later = lock()
      mutex.unlock()
      assert.equal(mutex.locked, false)
      await settle()
      assert.equal(later.state, 'held')
    }
  })

  test(`${algorithm}: a timeout that races the hand-off never loses the lock [WW-12]`, async () => {
    using time = useManualClock()
    for (const timeFirst of [true, false]) {
      const { mutex, first, firstLock } = await openHandOff({ timeoutMs: 5 })
      if (timeFirst) time.clock.advance(5)
      mutex.unlock()
      if (!timeFirst) time.clock.advance(5)
      await settle()
      assert.deepEqual([firstLock.state, mutex.context], ['held', first])
      mutex.unlock()
      assert.deepEqual([mutex.locked, time.clock.timerCount], [false, 0])
    }
  })

  test(`${algorithm}: a woken waiter that times out leaves the lock to the next`, async () => {
    using time = useManualClock()
    const { mutex, lock, firstLock } = await openHandOff({ timeoutMs: 5 })
    const next = lock()
    time.clock.advance(5)
    await settle()
    assert.deepEqual(statesOf(firstLock, next), ['ETIMEDOUT', 'waits'])
    mutex.unlock()
    await settle()
    assert.equal(next.state, 'held')
  })
}
