// Goal: a lock excludes, tells who must give way, and never forgets a waiter.
// Method: cooperative tasks; a turn of the microtask queue stands for "the others ran".
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AcquireContext } from '#src/core/reservation/acquire-context.js'
import { WwClass } from '#src/core/reservation/ww-class.js'
import { WwMutex } from '#src/core/reservation/ww-mutex.js'
import { settle, track } from '../../helpers/ww-rig.js'

const ALGORITHMS = ['wait-die', 'wound-wait'] as const

test('WwMutex.lock without a context is an ordinary lock [WW-3]', async () => {
  const mutex = new WwMutex(new WwClass('test', 'wait-die'))
  await mutex.lock()
  assert.deepEqual([mutex.locked, mutex.context], [true, undefined])
  const second = track(mutex.lock())
  const third = track(mutex.lock())
  await settle()
  assert.deepEqual([second.state, third.state], ['waits', 'waits'])
  mutex.unlock()
  await settle()
  assert.deepEqual([second.state, third.state], ['held', 'waits'])
  mutex.unlock()
  await settle()
  assert.equal(third.state, 'held')
  mutex.unlock()
  assert.equal(mutex.locked, false)
})

for (const algorithm of ALGORITHMS) {
  test(`${algorithm}: a context that holds the lock is told EALREADY, and nothing changes [WW-4]`, async () => {
    const wwClass = new WwClass('test', algorithm)
    const mutex = new WwMutex(wwClass)
    const context = new AcquireContext(wwClass)
    await mutex.lock(context)
    await assert.rejects(mutex.lock(context), { code: 'EALREADY' })
    assert.deepEqual([mutex.context, context.acquired, context.contended], [context, 1, undefined])
    mutex.unlock()
    assert.deepEqual([mutex.locked, context.acquired], [false, 0])
  })
}

test('Wait-Die: the worked example, step by step [EX-13]', async () => {
  const wwClass = new WwClass('test', 'wait-die')
  const [x, y] = [new WwMutex(wwClass), new WwMutex(wwClass)]
  const [a, b, c] = [1, 2, 3].map(() => new AcquireContext(wwClass)) as [
    AcquireContext,
    AcquireContext,
    AcquireContext,
  ]
  assert.deepEqual([a.stamp, b.stamp, c.stamp], [1, 2, 3])
  await x.lock(a)
  await y.lock(b)
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

test('Wound-Wait: the worked example, step by step [EX-14]', async () => {
  const wwClass = new WwClass('test', 'wound-wait')
  const [x, y, z] = [new WwMutex(wwClass), new WwMutex(wwClass), new WwMutex(wwClass)]
  const [a, b] = [new AcquireContext(wwClass), new AcquireContext(wwClass)]
  await x.lock(a)
  await y.lock(b)
  const aLocksY = track(y.lock(a))
  await settle()
  assert.deepEqual([aLocksY.state, b.wounded, a.wounded], ['waits', true, false])
  await z.lock(b)
  assert.equal(b.acquired, 2)
  await assert.rejects(x.lock(b), { code: 'EDEADLK' })
  z.unlock()
  y.unlock()
  await settle()
  assert.equal(aLocksY.state, 'held')
})
