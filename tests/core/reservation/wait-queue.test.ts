// Goal: waiters stand in the order in which they may have the lock.
// Method: the order against a sort that knows no links; the work counted in looks at stamps, not in time.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ContextState } from '#src/core/reservation/acquire-context.js'
import { LockWaiter } from '#src/core/reservation/lock-waiter.js'
import { WaitQueue } from '#src/core/reservation/wait-queue.js'
import { WwClass } from '#src/core/reservation/ww-class.js'
import { WwMutex } from '#src/core/reservation/ww-mutex.js'

const mutex = new WwMutex(new WwClass('test', 'wait-die'))
let looks = 0

/** A waiter of a stamp, or without a context. */
function waiterOf(stamp: number | undefined): LockWaiter {
  const counted = {
    get stamp() {
      looks++
      return stamp
    },
  }
  return new LockWaiter(
    mutex,
    {},
    {
      context: undefined,
      state: stamp === undefined ? undefined : (counted as unknown as ContextState),
      options: {},
      resolve() {},
      reject() {},
      recheck() {},
    },
  )
}

function listed(queue: WaitQueue): readonly LockWaiter[] {
  const list: LockWaiter[] = []
  let last: LockWaiter | undefined = undefined
  for (let waiter = queue.first; waiter !== undefined; waiter = waiter.next) {
    assert.equal(waiter.previous, last)
    list.push((last = waiter))
  }
  return list
}

function chained(queue: WaitQueue): readonly LockWaiter[] {
  const list: LockWaiter[] = []
  let last: LockWaiter | undefined = undefined
  for (let waiter = queue.firstInContext; waiter !== undefined; waiter = waiter.nextInContext) {
    assert.equal(waiter.previousInContext, last)
    list.push((last = waiter))
  }
  return list
}

test('Contexts stand oldest first, waiters without one keep their places among them [WW-12]', () => {
  const queue = new WaitQueue()
  const [plain1, nine, plain2, four, six] = [undefined, 9, undefined, 4, 6].map(waiterOf)
  for (const waiter of [plain1, nine, plain2, four, six]) queue.insert(waiter!)
  assert.deepEqual(listed(queue), [plain1, four, six, nine, plain2])
  assert.deepEqual(chained(queue), [four, six, nine])
})

test('Any sequence of insertions and removals leaves the order of the rule [WW-12]', () => {
  const stamp = fc.option(fc.nat(30), { nil: undefined, freq: 3 })
  const step = fc.oneof(
    fc.record({ insert: stamp }),
    fc.record({ removeAt: fc.nat(), insert: fc.constant(undefined) }),
  )
  const property = fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
    const queue = new WaitQueue()
    const model: { stamp: number | undefined; waiter: LockWaiter }[] = []
    for (const one of steps) {
      if ('removeAt' in one) {
        if (model.length === 0) continue
        const [gone] = model.splice(one.removeAt % model.length, 1)
        queue.remove(gone!.waiter)
        assert.equal(gone!.waiter.isQueued, false)
        continue
      }
      const entry = { stamp: one.insert, waiter: waiterOf(one.insert) }
      // Before the first younger context; waiters without one stand at the end.
      const at = model.findIndex(({ stamp: other }) => (other ?? -1) > (one.insert ?? Infinity))
      model.splice(at < 0 ? model.length : at, 0, entry)
      queue.insert(entry.waiter)
    }
    const waiters = model.map(({ waiter }) => waiter)
    assert.deepEqual(listed(queue), waiters)
    const inContext = waiters.filter(({ state }) => state !== undefined)
    assert.deepEqual(chained(queue), inContext)
  })
  fc.assert(property, { numRuns: 500 })
})

test('A waiter that was taken out keeps none of its neighbours', () => {
  const queue = new WaitQueue()
  const [one, two, three] = [1, 2, 3].map(waiterOf) as [LockWaiter, LockWaiter, LockWaiter]
  for (const waiter of [one, two, three]) queue.insert(waiter)
  queue.remove(two)
  const { previous, next, previousInContext, nextInContext } = two
  assert.deepEqual(
    [previous, next, previousInContext, nextInContext],
    [undefined, undefined, undefined, undefined],
  )
})

const MANY = 10_000

test('10 000 waiters who come in the order of their age cost a few looks each', () => {
  const queue = new WaitQueue()
  looks = 0
  for (let i = 1; i <= MANY; i++) queue.insert(waiterOf(i % 3 === 0 ? undefined : i))
  assert.ok(looks <= 4 * MANY, `${looks} looks at stamps`)
})

test('10 000 waiters of whom each is older than all others cost a few looks each', () => {
  const queue = new WaitQueue()
  looks = 0
  for (let i = MANY; i > 0; i--) queue.insert(waiterOf(i % 3 === 0 ? undefined : i))
  assert.ok(looks <= 4 * MANY, `${looks} looks at stamps`)
})

test('Taking 10 000 waiters out looks at no stamp', () => {
  const queue = new WaitQueue()
  for (let i = 1; i <= MANY; i++) queue.insert(waiterOf(i))
  const waiters = listed(queue)
  looks = 0
  for (const waiter of waiters) queue.remove(waiter)
  assert.deepEqual([looks, queue.first, queue.firstInContext], [0, undefined, undefined])
})
