// Goal: every misuse of locks and contexts is reported each time, and only then; the operation goes on.
// Method: each misuse done on purpose, twice where it can be repeated, with the warnings of both.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setDebug } from '#src/core/debug.js'
import { AcquireContext } from '#src/core/reservation/acquire-context.js'
import { WwClass } from '#src/core/reservation/ww-class.js'
import { WwMutex } from '#src/core/reservation/ww-mutex.js'
import { nameTask } from '#src/core/wait-graph.js'
import type { Warning } from '#src/core/warn.js'
import { collectWarnings } from '../../helpers/warnings.js'
import { settle, track } from '../../helpers/ww-rig.js'

interface Rig extends Disposable {
  readonly wwClass: WwClass
  readonly x: WwMutex
  readonly y: WwMutex
  readonly warnings: readonly Warning[]
  /** Fails unless so many warnings came since the last call, all of WW-19 and all matching. */
  expect(...patterns: readonly RegExp[]): void
}

function openRig(lockChecks = true): Rig {
  const wwClass = new WwClass('test', 'wait-die')
  const warnings = collectWarnings()
  const checks = setDebug({ lockChecks })
  let seen = 0
  return {
    wwClass,
    x: new WwMutex(wwClass),
    y: new WwMutex(wwClass),
    warnings: warnings.list,
    expect(...patterns) {
      const fresh = warnings.list.slice(seen)
      seen = warnings.list.length
      const texts = fresh.map(({ message }) => message)
      assert.equal(texts.length, patterns.length, texts.join('\n'))
      patterns.forEach((pattern, i) => assert.match(texts[i]!, pattern))
      for (const { rule, stack } of fresh) {
        assert.equal(rule, 'WW-19')
        assert.match(stack ?? '', /ww-checks\.test/)
      }
    },
    [Symbol.dispose]() {
      checks[Symbol.dispose]()
      warnings[Symbol.dispose]()
    },
  }
}

/** A context that was told EDEADLK by `x` while it holds `y`, and the older one that holds `x`. */
async function dieAtX({ wwClass, x, y }: Rig): Promise<{
  younger: AcquireContext
  older: AcquireContext
}> {
  const older = new AcquireContext(wwClass)
  const younger = new AcquireContext(wwClass)
  await x.lock(older)
  await y.lock(younger)
  await assert.rejects(x.lock(younger), { code: 'EDEADLK' })
  return { younger, older }
}

test('Correct use is never flagged: lock, die, back off, lockSlow, go on, finish', async () => {
  using rig = openRig()
  const { x, y } = rig
  const { younger, older } = await dieAtX(rig)
  y.unlock()
  const waiting = x.lockSlow(younger)
  await y.lock(older)
  older.done()
  y.unlock()
  x.unlock()
  older.finish()
  await waiting
  await assert.rejects(x.lock(younger), { code: 'EALREADY' })
  await y.lock(younger)
  younger.done()
  x.unlock()
  y.unlock()
  younger.finish()
  x.destroy()
  rig.expect()
})

test('Without the debug option nothing is flagged', async () => {
  using rig = openRig(false)
  const { x, y } = rig
  const { younger } = await dieAtX(rig)
  await new WwMutex(rig.wwClass).lock(younger)
  await assert.rejects(x.lockSlow(younger), { code: 'EDEADLK' })
  await new WwMutex(rig.wwClass).lockSlow(new AcquireContext(rig.wwClass))
  younger.done()
  younger.done()
  assert.equal(new WwMutex(rig.wwClass).tryLock(younger), true)
  younger.finish()
  y.unlock()
  y.unlock()
  x.destroy()
  rig.expect()
})

test('A context that began without the debug option is not counted later', () => {
  using rig = openRig(false)
  const task = {}
  new AcquireContext(rig.wwClass, { task })
  using _checks = setDebug({ lockChecks: true })
  new AcquireContext(rig.wwClass, { task })
  rig.expect()
})

test('A context that ends without the debug option is not counted any more', () => {
  using rig = openRig()
  const task = {}
  const context = new AcquireContext(rig.wwClass, { task })
  {
    using _checks = setDebug({ lockChecks: false })
    context.finish()
  }
  new AcquireContext(rig.wwClass, { task })
  rig.expect()
})

test('A lock that was counted is counted back once, though the debug option was off meanwhile', async () => {
  using rig = openRig()
  const task = {}
  const context = new AcquireContext(rig.wwClass, { task })
  await rig.x.lock(context)
  rig.x.unlock()
  {
    using _checks = setDebug({ lockChecks: false })
    await rig.x.lock(context)
    rig.x.unlock()
  }
  await rig.y.lock(undefined, { task })
  rig.expect()
})

test('finish() with locks held is flagged [WW-19]', async () => {
  using rig = openRig()
  const context = new AcquireContext(rig.wwClass)
  await rig.x.lock(context)
  context.finish()
  rig.expect(/finish\(\) with 1 locks held/)
  rig.x.unlock()
  context.finish()
  rig.expect()
})

test('finish() while the context waits is flagged, and the wait goes on [WW-19]', async () => {
  using rig = openRig()
  const context = new AcquireContext(rig.wwClass)
  rig.x.tryLock()
  const lock = track(rig.x.lock(context))
  context.finish()
  rig.expect(/while a lock\(\) of the context waits/)
  rig.x.unlock()
  await settle()
  assert.equal(lock.state, 'held')
})

test('done() called again is flagged each time [WW-19]', () => {
  using rig = openRig()
  const context = new AcquireContext(rig.wwClass)
  context.done()
  rig.expect()
  context.done()
  context.done()
  rig.expect(/done\(\) was called before/, /done\(\) was called before/)
})

test('Locking after done() is flagged, and locks; so is tryLock() where it succeeds [WW-18, WW-19]', async () => {
  using rig = openRig()
  const context = new AcquireContext(rig.wwClass)
  context.done()
  await rig.x.lock(context)
  assert.equal(rig.x.context, context)
  rig.expect(/said done\(\)/)
  assert.equal(rig.x.tryLock(context), false)
  rig.expect()
  assert.equal(rig.y.tryLock(context), true)
  rig.expect(/said done\(\)/)
})

test('Locking after finish() is flagged, and locks [WW-19]', async () => {
  using rig = openRig()
  const context = new AcquireContext(rig.wwClass)
  context.finish()
  await rig.x.lock(context)
  assert.equal(context.acquired, 1)
  rig.expect(/was finished/)
})

test('A context of another class is flagged [WW-1, WW-19]', async () => {
  using rig = openRig()
  const foreign = new AcquireContext(new WwClass('foreign', 'wait-die'))
  await rig.x.lock(foreign)
  assert.equal(rig.y.tryLock(foreign), true)
  rig.expect(/class foreign locks a mutex of class test/, /class foreign locks/)
})

test('Another lock than the contended one after EDEADLK is flagged [WW-14, WW-19]', async () => {
  using rig = openRig()
  const { younger } = await dieAtX(rig)
  rig.y.unlock()
  await rig.y.lock(younger)
  rig.expect(/for another mutex/)
})

test('The contended lock is flagged while others are held, by lock() and lockSlow() [WW-14, WW-19]', async () => {
  using rig = openRig()
  const { younger } = await dieAtX(rig)
  await assert.rejects(rig.x.lock(younger), { code: 'EDEADLK' })
  rig.expect(/1 locks are held after EDEADLK/, /EDEADLK again/)
  await assert.rejects(rig.x.lockSlow(younger), { code: 'EDEADLK' })
  rig.expect(/1 locks are held after EDEADLK/, /EDEADLK again/)
  rig.x.unlock()
  await rig.x.lockSlow(younger)
  rig.expect(/1 locks are held after EDEADLK/)
})

test('A second EDEADLK without a back-off is flagged, wherever it comes from [WW-19]', async () => {
  using rig = openRig()
  const { younger, older } = await dieAtX(rig)
  const z = new WwMutex(rig.wwClass)
  await z.lock(older)
  await assert.rejects(z.lock(younger), { code: 'EDEADLK' })
  rig.expect(/another mutex/, /1 locks are held/, /EDEADLK again, without a back-off/)
})

test('lockSlow() without EDEADLK before it is flagged, and locks [WW-15, WW-19]', async () => {
  using rig = openRig()
  const context = new AcquireContext(rig.wwClass)
  await rig.x.lockSlow(context)
  assert.equal(rig.x.context, context)
  rig.expect(/lockSlow\(\) without EDEADLK/)
})

test('Unlocking an unlocked mutex is flagged, and does nothing [WW-19]', () => {
  using rig = openRig()
  rig.x.unlock()
  rig.x.unlock()
  rig.expect(/not locked/, /not locked/)
  assert.equal(rig.x.locked, false)
})

test('Unlocking a foreign mutex is flagged and really releases it [WW-19, WW-21]', async () => {
  using rig = openRig()
  const [mine, other] = [{}, {}]
  nameTask(mine, 'my task')
  nameTask(other, 'the other')
  await rig.x.lock(undefined, { task: mine })
  const context = new AcquireContext(rig.wwClass, { task: other })
  await rig.y.lock(context)
  rig.x.unlock(other)
  rig.y.unlock(mine)
  rig.expect(/the other unlocks a mutex that my task holds/, /my task unlocks .* the other holds/)
  assert.deepEqual([rig.x.locked, rig.y.locked, context.acquired], [false, false, 0])
})

test('The task that locked may unlock, named or not; of an unknown holder nothing is said [WW-21]', async () => {
  using rig = openRig()
  const task = {}
  const context = new AcquireContext(rig.wwClass, { task })
  await rig.x.lock(context)
  rig.x.unlock(task)
  await rig.x.lock(context)
  rig.x.unlock()
  context.finish()
  rig.x.tryLock(undefined, task)
  rig.x.unlock(task)
  const unnamed = new AcquireContext(rig.wwClass)
  await rig.x.lock(unnamed)
  rig.x.unlock(unnamed)
  rig.expect()
  await rig.x.lock()
  rig.x.unlock()
  rig.expect()
})

test('Two live contexts of one class in one task are flagged [WW-19]', () => {
  using rig = openRig()
  const task = {}
  const first = new AcquireContext(rig.wwClass, { task })
  const elsewhere = new AcquireContext(new WwClass('other', 'wait-die'), { task })
  const another = new AcquireContext(rig.wwClass, { task: {} })
  rig.expect()
  const second = new AcquireContext(rig.wwClass, { task })
  rig.expect(/has one already/)
  for (const context of [first, elsewhere, another, second]) context.finish()
  // Twice is once.
  first.finish()
  new AcquireContext(rig.wwClass, { task })
  rig.expect()
  new AcquireContext(rig.wwClass, { task })
  rig.expect(/has one already/)
})

test('Mixing locks with and without a context of one class in one task is flagged [WW-19]', async () => {
  using rig = openRig()
  const task = {}
  const context = new AcquireContext(rig.wwClass, { task })
  await rig.x.lock(context)
  await rig.y.lock(undefined, { task })
  rig.expect(/taken with a context, and takes another without/)
  rig.x.unlock()
  await rig.x.lock(context)
  rig.expect(/taken without a context, and takes another with/)
  rig.x.unlock()
  rig.y.unlock()
  // One after the other is no mixture; neither is another class, nor another task.
  await rig.x.lock(context)
  await new WwMutex(new WwClass('other', 'wait-die')).lock(undefined, { task })
  await rig.y.lock(undefined, { task: {} })
  rig.x.unlock()
  await rig.x.lock(undefined, { task })
  rig.expect()
})

test('Destroying a locked mutex is flagged, an unlocked one is not [WW-19]', () => {
  using rig = openRig()
  rig.x.tryLock()
  rig.x.destroy()
  rig.expect(/locked mutex is destroyed/)
  rig.x.unlock()
  rig.x.destroy()
  rig.expect()
})

test('A task that waits for its own lock is told, whatever it locks with [WW-3, PORT-6]', async () => {
  using rig = openRig()
  const task = {}
  nameTask(task, 'the loop')
  const itself = { code: 'ERR_DMABUF_BUG', rule: 'WW-3', message: /the loop holds this lock/ }
  await rig.x.lock(undefined, { task })
  await assert.rejects(rig.x.lock(undefined, { task }), itself)
  const context = new AcquireContext(rig.wwClass, { task })
  await assert.rejects(rig.x.lock(context), itself)
  await rig.y.lock(context)
  await assert.rejects(rig.y.lock(undefined, { task }), itself)
  assert.equal(rig.y.tryLock(undefined, task), false)
  const other = track(rig.x.lock(undefined, { task: {} }))
  const unknown = track(rig.x.lock())
  const z = new WwMutex(rig.wwClass)
  await z.lock()
  const unknownBoth = track(z.lock())
  await settle()
  for (const { state } of [other, unknown, unknownBoth]) assert.equal(state, 'waits')
})

test('Without the debug option a task waits for its own lock like any other [WW-3]', async () => {
  using rig = openRig(false)
  const task = {}
  await rig.x.lock(undefined, { task })
  const again = track(rig.x.lock(undefined, { task }))
  await settle()
  assert.equal(again.state, 'waits')
  rig.x.unlock()
  await settle()
  assert.equal(again.state, 'held')
})
