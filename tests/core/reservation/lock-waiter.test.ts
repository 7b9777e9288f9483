// Goal: a lock that waits is never lost by what its signal and its clock do.
// Method: signals that throw, call back at once or call into the lock; a clock that refuses.
import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { useHost, type AbortSignalLike } from '#src/core/host.js'
import { AcquireContext } from '#src/core/reservation/acquire-context.js'
import { LockWaiter } from '#src/core/reservation/lock-waiter.js'
import { WwClass } from '#src/core/reservation/ww-class.js'
import { WwMutex } from '#src/core/reservation/ww-mutex.js'
import { useManualClock } from '../../helpers/manual-clock.js'
import { collectWarnings } from '../../helpers/warnings.js'
import { settle, track } from '../../helpers/ww-rig.js'

/** A signal whose two calls a test replaces. */
function signalWith(parts: Partial<AbortSignalLike>): AbortSignalLike {
  return { aborted: false, addEventListener() {}, removeEventListener() {}, ...parts }
}

function openLock(): { wwClass: WwClass; mutex: WwMutex; context: AcquireContext } {
  const wwClass = new WwClass('test', 'wait-die')
  return { wwClass, mutex: new WwMutex(wwClass), context: new AcquireContext(wwClass) }
}

test('LockWaiter.wake looks again once, however often it is woken, and only while it is queued', async () => {
  const { mutex } = openLock()
  const woken: LockWaiter[] = []
  const init = {
    context: undefined,
    state: undefined,
    options: {},
    resolve() {},
    reject() {},
    recheck: (one: LockWaiter) => void woken.push(one),
  }
  const waiter = new LockWaiter(mutex, {}, init)
  waiter.wake()
  await settle()
  assert.deepEqual(woken, [])
  waiter.isQueued = true
  waiter.wake()
  waiter.wake()
  assert.deepEqual(woken, [])
  await settle()
  assert.deepEqual(woken, [waiter])
  waiter.wake()
  await settle()
  assert.deepEqual(woken, [waiter, waiter])
})

test('A wait without a signal and without a time ends in silence', async () => {
  using warnings = collectWarnings()
  const { mutex, context } = openLock()
  await mutex.lock()
  const lock = track(mutex.lock(context))
  mutex.unlock()
  await settle()
  assert.deepEqual([lock.state, warnings.list], ['held', []])
})

for (const [what, thrown, stack] of [
  ['an error', new Error('no removal'), /lock-waiter\.test/],
  ['nothing at all', undefined, /^$/],
] as const) {
  test(`A listener whose removal throws ${what} is reported with what is known of it [PORT-4]`, async () => {
    using warnings = collectWarnings()
    const { mutex } = openLock()
    await mutex.lock()
    const signal = signalWith({
      removeEventListener() {
        // eslint-disable-next-line @typescript-eslint/only-throw-error
        throw thrown
      },
    })
    const lock = track(mutex.lock(undefined, { signal }))
    mutex.unlock()
    await settle()
    assert.deepEqual([lock.state, warnings.list.length], ['held', 1])
    assert.match(warnings.list[0]!.stack ?? '', stack)
  })
}

test('A signal that cannot be listened to fails the lock(), and nothing else', async () => {
  const { mutex, context } = openLock()
  await mutex.lock()
  const signal = signalWith({
    addEventListener() {
      throw new Error('no listeners')
    },
  })
  await assert.rejects(mutex.lock(context, { signal }), { message: 'no listeners' })
  assert.equal(context.waitingFor, undefined)
  const next = track(mutex.lock(context))
  mutex.unlock()
  await settle()
  assert.equal(next.state, 'held')
})

test('A host that sets no timers fails the lock(), and the signal is listened to no more', async () => {
  const { mutex, context } = openLock()
  await mutex.lock()
  const { signal } = new AbortController()
  const host = {
    nowNs: () => 0,
    setTimer(): never {
      throw new Error('no timers')
    },
  }
  {
    using _host = useHost(host)
    await assert.rejects(mutex.lock(context, { signal, timeoutMs: 5 }), { message: 'no timers' })
  }
  assert.deepEqual([getEventListeners(signal, 'abort').length, context.waitingFor], [0, undefined])
  const next = track(mutex.lock(context))
  mutex.unlock()
  await settle()
  assert.equal(next.state, 'held')
})

test('A listener that cannot be removed is reported, and the lock is held [PORT-4]', async () => {
  using warnings = collectWarnings()
  const { mutex, context } = openLock()
  await mutex.lock()
  const signal = signalWith({
    removeEventListener() {
      throw new Error('no removal')
    },
  })
  const first = track(mutex.lock(context, { signal }))
  const second = track(mutex.lock())
  mutex.unlock()
  await settle()
  assert.deepEqual([first.state, second.state], ['held', 'waits'])
  assert.deepEqual(
    warnings.list.map(({ rule, message }) => [rule, message]),
    [['PORT-4', 'The end of a wait for a lock threw: Error: no removal']],
  )
  mutex.unlock()
  await settle()
  assert.equal(second.state, 'held')
})

test('A listener that cannot be removed is reported when the lock is handed over, too [PORT-4]', async () => {
  using warnings = collectWarnings()
  const { mutex, context } = openLock()
  await mutex.lock()
  const signal = signalWith({
    removeEventListener() {
      throw new Error('no removal')
    },
  })
  const first = track(mutex.lock(context, { signal }))
  mutex.unlock()
  mutex.tryLock()
  await settle()
  assert.equal(first.state, 'waits')
  mutex.unlock()
  assert.deepEqual([mutex.context, warnings.list.length], [context, 1])
  await settle()
  assert.equal(first.state, 'held')
})

test('A signal that calls its listener at once interrupts the lock()', async () => {
  const { mutex, context } = openLock()
  await mutex.lock()
  const signal = signalWith({
    addEventListener(_type, listener) {
      listener()
    },
  })
  const lock = track(mutex.lock(context, { signal }))
  await settle()
  assert.equal((lock.error as { code: string }).code, 'EINTR')
})

test('A lock that becomes free while its signal is listened to is taken', async () => {
  const { mutex, context } = openLock()
  await mutex.lock()
  const signal = signalWith({
    addEventListener() {
      mutex.unlock()
    },
  })
  await mutex.lock(context, { signal })
  assert.equal(mutex.context, context)
})

test('A context that must give way since its signal was listened to does so', async () => {
  const { wwClass, mutex, context: older } = openLock()
  const younger = new AcquireContext(wwClass)
  await new WwMutex(wwClass).lock(younger)
  await mutex.lock()
  const signal = signalWith({
    addEventListener() {
      mutex.unlock()
      mutex.tryLock(older)
    },
  })
  await assert.rejects(mutex.lock(younger, { signal }), { code: 'EDEADLK' })
})

test('A lock() that is over listens to nothing and has no timer, however it ended', async () => {
  using time = useManualClock()
  const ends: readonly (readonly [string, (mutex: WwMutex, stop: AbortController) => void])[] = [
    ['held', (mutex) => mutex.unlock()],
    ['EINTR', (_mutex, stop) => stop.abort()],
    ['ETIMEDOUT', () => time.clock.advance(5)],
  ]
  for (const [outcome, end] of ends) {
    const { mutex, context } = openLock()
    await mutex.lock()
    const stop = new AbortController()
    const lock = track(mutex.lock(context, { signal: stop.signal, timeoutMs: 5 }))
    assert.equal(time.clock.timerCount, 1)
    end(mutex, stop)
    await settle()
    assert.equal((lock.error as { code?: string } | undefined)?.code ?? lock.state, outcome)
    assert.deepEqual(
      [getEventListeners(stop.signal, 'abort').length, time.clock.timerCount],
      [0, 0],
    )
  }
})

test('A timeout without an end sets no timer', async () => {
  using time = useManualClock()
  const { mutex, context } = openLock()
  await mutex.lock()
  void mutex.lock(context, { timeoutMs: Infinity })
  assert.equal(time.clock.timerCount, 0)
})

test('Another listener of the signal that throws changes nothing', async () => {
  const { mutex, context } = openLock()
  await mutex.lock()
  const listeners: (() => void)[] = [
    () => {
      throw new Error('another listener')
    },
  ]
  const signal = signalWith({
    addEventListener: (_type, listener) => void listeners.push(listener),
  })
  const lock = track(mutex.lock(context, { signal }))
  const next = track(mutex.lock())
  for (const listener of listeners.reverse()) {
    try {
      listener()
    } catch {
      // As an event target does: the others are called.
    }
  }
  await settle()
  assert.deepEqual([lock.state, next.state], ['failed', 'waits'])
  mutex.unlock()
  await settle()
  assert.equal(next.state, 'held')
})
