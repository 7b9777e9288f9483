// Goal: locks take part in the search for circles of waits, and are no circles themselves.
// Method: tasks that wait for fences and for locks, with debug.signalling on.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setDebug } from '#src/core/debug.js'
import { beginSignalling, endSignalling } from '#src/core/fence/signalling.js'
import { AcquireContext } from '#src/core/reservation/acquire-context.js'
import { SOMEBODY } from '#src/core/reservation/hold-notes.js'
import { WwClass } from '#src/core/reservation/ww-class.js'
import { WwMutex } from '#src/core/reservation/ww-mutex.js'
import { nameTask, noteHold, noteWait } from '#src/core/wait-graph.js'
import { collectWarnings } from '../../helpers/warnings.js'
import { settle, track } from '../../helpers/ww-rig.js'

function openTask(name: string): object {
  const task = {}
  nameTask(task, name)
  return task
}

test('A lock taken inside a signalling section is reported, a tryLock() is not [FENCE-39]', async () => {
  using _debug = setDebug({ signalling: true })
  using warnings = collectWarnings()
  const wwClass = new WwClass('test', 'wait-die')
  const task = openTask('signaller')
  const cookie = beginSignalling(task)
  const mutex = new WwMutex(wwClass)
  assert.equal(mutex.tryLock(undefined, task), true)
  mutex.unlock()
  assert.equal(warnings.list.length, 0)
  await mutex.lock(undefined, { task })
  mutex.unlock()
  await mutex.lock(new AcquireContext(wwClass, { task }))
  mutex.unlock()
  assert.equal(warnings.list.length, 2)
  assert.match(warnings.list[0]!.message, /^signaller takes lock of class test with no context/)
  assert.match(warnings.list[1]!.message, /^signaller takes lock of class test with context 1 /)
  endSignalling(task, cookie)
  await mutex.lock(undefined, { task })
  assert.equal(warnings.list.length, 2)
})

test('A circle through a lock and a fence is reported when it closes [FENCE-39]', async () => {
  using _debug = setDebug({ signalling: true })
  using warnings = collectWarnings()
  const mutex = new WwMutex(new WwClass('test', 'wait-die'))
  const [holder, signaller] = [openTask('holder'), openTask('signaller')]
  const fence = {}
  using _signals = noteHold(signaller, fence, 'signaller of a fence')
  await mutex.lock(undefined, { task: holder })
  using _waits = noteWait(holder, fence, 'a fence')
  assert.equal(warnings.list.length, 0)
  const lock = track(mutex.lock(undefined, { task: signaller }))
  assert.equal(warnings.list.length, 1)
  assert.match(warnings.list[0]!.message, /signaller waits for lock of class test/)
  assert.match(warnings.list[0]!.message, /which holder holds as lock of class test/)
  mutex.unlock()
  await settle()
  assert.equal(lock.state, 'held')
})

test('Two holders whom nobody knows are not taken for the same', async () => {
  using _debug = setDebug({ signalling: true })
  using warnings = collectWarnings()
  const mutex = new WwMutex(new WwClass('test', 'wait-die'))
  const task = openTask('known')
  const fence = {}
  using _signals = noteHold(task, fence, 'signaller of a fence')
  using _waits = noteWait(SOMEBODY, fence, 'a fence')
  await mutex.lock()
  const lock = track(mutex.lock(undefined, { task }))
  mutex.unlock()
  await settle()
  assert.deepEqual([lock.state, warnings.list], ['held', []])
})

test('Two waiters whom nobody knows are not taken for the same', async () => {
  using _debug = setDebug({ signalling: true })
  using warnings = collectWarnings()
  const mutex = new WwMutex(new WwClass('test', 'wait-die'))
  const task = openTask('known')
  const fence = {}
  using _signals = noteHold(SOMEBODY, fence, 'signaller of a fence')
  await mutex.lock(undefined, { task })
  using _waits = noteWait(task, fence, 'a fence')
  const lock = track(mutex.lock())
  mutex.unlock()
  await settle()
  assert.deepEqual([lock.state, warnings.list], ['held', []])
})

test('Without the debug option a lock is no part of the search, whatever else is remembered', async () => {
  using _debug = setDebug({ stacks: true, lockChecks: true })
  using warnings = collectWarnings()
  const mutex = new WwMutex(new WwClass('test', 'wait-die'))
  const [holder, other] = [openTask('holder'), openTask('other')]
  const fence = {}
  using _signals = noteHold(other, fence, 'signaller of a fence')
  using _waits = noteWait(holder, fence, 'a fence')
  await mutex.lock(undefined, { task: holder })
  using _other = noteWait(other, mutex, 'a lock')
  assert.deepEqual(warnings.list, [])
})

test('What was unlocked or given up closes no circle', async () => {
  using _debug = setDebug({ signalling: true })
  using warnings = collectWarnings()
  const wwClass = new WwClass('test', 'wait-die')
  const [x, y] = [new WwMutex(wwClass), new WwMutex(wwClass)]
  const [first, second] = [openTask('first'), openTask('second')]
  await x.lock(undefined, { task: first })
  await y.lock(undefined, { task: second })
  const stop = new AbortController()
  const lock = track(y.lock(undefined, { task: first, signal: stop.signal }))
  stop.abort()
  await settle()
  assert.equal(lock.state, 'failed')
  const other = track(x.lock(undefined, { task: second }))
  await settle()
  assert.deepEqual([other.state, warnings.list.length], ['waits', 0])
  x.unlock()
  await settle()
  y.unlock()
  void x.lock(undefined, { task: first })
  await y.lock(undefined, { task: first })
  assert.equal(warnings.list.length, 0)
})

test('Locks without contexts that cross are a circle [FENCE-39]', async () => {
  using _debug = setDebug({ signalling: true })
  using warnings = collectWarnings()
  const wwClass = new WwClass('test', 'wait-die')
  const [x, y] = [new WwMutex(wwClass), new WwMutex(wwClass)]
  const [first, second] = [openTask('first'), openTask('second')]
  await x.lock(undefined, { task: first })
  await y.lock(undefined, { task: second })
  void y.lock(undefined, { task: first })
  void x.lock(undefined, { task: second })
  assert.equal(warnings.list.length, 1)
  assert.match(warnings.list[0]!.message, /wait for each other/)
})

for (const algorithm of ['wait-die', 'wound-wait'] as const) {
  test(`${algorithm}: contexts that cross are no circle, since one gives way`, async () => {
    using _debug = setDebug({ signalling: true })
    using warnings = collectWarnings()
    const wwClass = new WwClass('test', algorithm)
    const [x, y] = [new WwMutex(wwClass), new WwMutex(wwClass)]
    const [older, younger] = [new AcquireContext(wwClass), new AcquireContext(wwClass)]
    await x.lock(older)
    await y.lock(younger)
    const youngerLock = track(x.lock(younger))
    const olderLock = track(y.lock(older))
    await settle()
    assert.deepEqual([youngerLock.state, olderLock.state], ['failed', 'waits'])
    y.unlock()
    await settle()
    assert.deepEqual([olderLock.state, warnings.list.length], ['held', 0])
  })
}
