// Goal: a context says how old it is, what it holds, and what it waits for.
// Method: one or two locks, looked at step by step.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AcquireContext } from '#src/core/reservation/acquire-context.js'
import { WwClass } from '#src/core/reservation/ww-class.js'
import { WwMutex } from '#src/core/reservation/ww-mutex.js'
import { settle, track } from '../../helpers/ww-rig.js'

function openClass(algorithm: 'wait-die' | 'wound-wait' = 'wait-die') {
  const wwClass = new WwClass('test', algorithm)
  const mutexes = Array.from({ length: 3 }, () => new WwMutex(wwClass))
  return { wwClass, mutexes: mutexes as [WwMutex, WwMutex, WwMutex] }
}

test('A new context has the next stamp, holds nothing and is not wounded [WW-2]', () => {
  const { wwClass } = openClass()
  const first = new AcquireContext(wwClass)
  const second = new AcquireContext(wwClass)
  assert.deepEqual([first.stamp, second.stamp], [1, 2])
  assert.deepEqual([first.acquired, first.wounded, first.contended], [0, false, undefined])
  assert.equal(first.wwClass, wwClass)
})

test('A context knows its task, if it has one', () => {
  const { wwClass } = openClass()
  const task = {}
  assert.equal(new AcquireContext(wwClass, { task }).task, task)
  assert.equal(new AcquireContext(wwClass).task, undefined)
})

test('A context keeps its stamp when it backs off [WW-2, WW-22]', async () => {
  const { wwClass, mutexes } = openClass()
  const [x, y] = mutexes
  const [older, younger] = [new AcquireContext(wwClass), new AcquireContext(wwClass)]
  await x.lock(older)
  await y.lock(younger)
  await assert.rejects(x.lock(younger), { code: 'EDEADLK' })
  y.unlock()
  const waiting = x.lockSlow(younger)
  x.unlock()
  await waiting
  assert.equal(younger.stamp, 2)
  assert.ok(younger.stamp < new AcquireContext(wwClass).stamp)
})

test('A context counts the locks it holds, and names the contended one until it has it [WW-5, WW-14, WW-17]', async () => {
  const { wwClass, mutexes } = openClass()
  const [x, y, z] = mutexes
  const [older, younger] = [new AcquireContext(wwClass), new AcquireContext(wwClass)]
  await x.lock(older)
  await y.lock(younger)
  await z.lock(younger)
  assert.equal(younger.acquired, 2)
  await assert.rejects(x.lock(younger), { code: 'EDEADLK' })
  assert.deepEqual([younger.acquired, younger.contended], [2, x])
  z.unlock()
  y.unlock()
  assert.deepEqual([younger.acquired, younger.contended], [0, x])
  x.unlock()
  await x.lockSlow(younger)
  assert.deepEqual([younger.acquired, younger.contended], [1, undefined])
})

test('A context says what it waits for, and only while it waits', async () => {
  const { wwClass, mutexes } = openClass()
  const [x] = mutexes
  const [holder, waiting] = [new AcquireContext(wwClass), new AcquireContext(wwClass)]
  await x.lock(holder)
  const lock = x.lock(waiting)
  assert.deepEqual([waiting.waitingFor, holder.waitingFor], [x, undefined])
  x.unlock()
  await lock
  assert.equal(waiting.waitingFor, undefined)
})

test('A context waits for one lock at a time: another lock() is refused, and nothing changes', async () => {
  const { wwClass, mutexes } = openClass()
  const [x, y] = mutexes
  const context = new AcquireContext(wwClass)
  await x.lock()
  const first = track(x.lock(context))
  await assert.rejects(y.lock(context), { code: 'ERR_DMABUF_BUG', rule: 'WW-21' })
  await assert.rejects(x.lock(context), { code: 'ERR_DMABUF_BUG', rule: 'WW-21' })
  assert.throws(() => y.tryLock(context), { code: 'ERR_DMABUF_BUG', rule: 'WW-21' })
  assert.deepEqual([y.locked, context.acquired, context.waitingFor], [false, 0, x])
  x.unlock()
  await settle()
  assert.deepEqual([first.state, context.acquired], ['held', 1])
  await y.lock(context)
})

test('finish() and `using` end a context that holds nothing, in silence [WW-18]', async () => {
  const { wwClass, mutexes } = openClass()
  const [x] = mutexes
  {
    using context = new AcquireContext(wwClass)
    await x.lock(context)
    context.done()
    x.unlock()
  }
  assert.equal(x.locked, false)
})

test('A lock needs a context made by the class, not something alike', async () => {
  const { mutexes } = openClass()
  const [x] = mutexes
  const alike = { stamp: 1, acquired: 0 } as unknown as AcquireContext
  await assert.rejects(x.lock(alike), TypeError)
  await assert.rejects(x.lockSlow(alike), TypeError)
  assert.throws(() => x.tryLock(alike), TypeError)
  assert.equal(x.locked, false)
})
