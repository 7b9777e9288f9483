// Goal: a lock says who holds it, since where, and who waits.
// Method: named tasks, contexts, and callers nobody knows.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setDebug } from '#src/core/debug.js'
import { AcquireContext } from '#src/core/reservation/acquire-context.js'
import { describeHolder } from '#src/core/reservation/describe-holder.js'
import { Reservation } from '#src/core/reservation/reservation.js'
import { WwClass } from '#src/core/reservation/ww-class.js'
import { WwMutex } from '#src/core/reservation/ww-mutex.js'
import { nameTask } from '#src/core/wait-graph.js'
import { settle, track } from '../../helpers/ww-rig.js'

const wwClass = new WwClass('test', 'wait-die')

test('describeHolder says nothing about a free lock', async () => {
  const mutex = new WwMutex(wwClass)
  assert.equal(describeHolder(mutex), undefined)
  await mutex.lock()
  mutex.unlock()
  assert.equal(describeHolder(mutex), undefined)
})

test('describeHolder names the holder and the waiters in their order', async () => {
  const mutex = new WwMutex(wwClass)
  const task = {}
  nameTask(task, 'renderer')
  const context = new AcquireContext(wwClass, { task })
  const older = new AcquireContext(wwClass)
  const younger = new AcquireContext(wwClass)
  nameTask(older, 'camera')
  nameTask(younger, 'display')
  await mutex.lock(context)
  void mutex.lock(younger)
  void mutex.lock(older)
  void mutex.lock()
  assert.deepEqual(describeHolder(mutex), {
    name: 'renderer',
    stamp: context.stamp,
    acquired: 1,
    stack: undefined,
    waiters: [
      { name: 'camera', stamp: older.stamp, acquired: 0 },
      { name: 'display', stamp: younger.stamp, acquired: 0 },
      { name: 'somebody', stamp: undefined, acquired: undefined },
    ],
  })
})

test('describeHolder calls an unknown holder somebody', async () => {
  const mutex = new WwMutex(wwClass)
  await mutex.lock()
  const { name, stamp, acquired } = describeHolder(mutex)!
  assert.deepEqual([name, stamp, acquired], ['somebody', undefined, undefined])
})

for (const option of ['signalling', 'stacks'] as const) {
  test(`describeHolder tells where it was locked, with debug.${option}`, async () => {
    using _debug = setDebug({ [option]: true })
    const mutex = new WwMutex(wwClass)
    await mutex.lock()
    assert.match(describeHolder(mutex)?.stack ?? '', /describe-holder\.test/)
    const waiting = track(mutex.lock(new AcquireContext(wwClass)))
    mutex.unlock()
    await settle()
    assert.equal(waiting.state, 'held')
    assert.equal(typeof describeHolder(mutex)?.stack, 'string')
  })
}

test('Reservation.lockHolder describes its own lock', async () => {
  const reservation = new Reservation()
  const holder = () => reservation.lockHolder
  assert.equal(holder(), undefined)
  const task = {}
  nameTask(task, 'encoder')
  using _held = await reservation.lock({ task })
  const waiting = track(reservation.lock())
  assert.deepEqual([holder()?.name, holder()?.waiters.length], ['encoder', 1])
  assert.equal(waiting.state, 'waits')
})
