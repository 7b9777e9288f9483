// Goal: a timeline for tests counts, wraps and ends as the kernel's does.
// Method: seqnos on both sides of the signed window; fast-check against a list of fences that is searched.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { access } from '#src/core/fence/fence-access.js'
import { putFence, type Fence } from '#src/core/fence/fence.js'
import { stubFence } from '#src/core/fence/stub.js'
import { SwSyncTimeline, swSyncDeadlineNs } from '#src/core/sw-sync.js'
import { thrownCode } from '../helpers/error-code.js'

const INT_MAX = 2 ** 31 - 1

test('SwSyncTimeline begins at 0 on a context of its own, its name cut to 15 characters [SW-1]', () => {
  using one = new SwSyncTimeline('a-rather-long-name')
  using other = new SwSyncTimeline('b')
  assert.deepEqual([one.name, one.value], ['a-rather-long-n', 0])
  assert.notEqual(one.context, other.context)
  const fence = one.createFence(1)
  assert.deepEqual([fence.driverName, fence.timelineName], ['sw_sync', 'a-rather-long-n'])
  assert.equal(fence.context, one.context)
})

const created = [
  { value: 0, seqno: 0, pending: false },
  { value: 0, seqno: 1, pending: true },
  { value: 0, seqno: INT_MAX, pending: true },
  { value: 0, seqno: 2 ** 31, pending: false },
  { value: 0, seqno: 2 ** 32 - 1, pending: false },
  { value: 5, seqno: 5, pending: false },
  { value: 5, seqno: 6, pending: true },
  { value: INT_MAX, seqno: 2 ** 31, pending: true },
  { value: INT_MAX, seqno: 2 ** 32 - 2, pending: true },
  { value: INT_MAX, seqno: 2 ** 32 - 1, pending: false },
]
for (const { value, seqno, pending } of created)
  test(`createFence at ${value} makes ${seqno} ${pending ? 'pending' : 'signalled'} [SW-3, EX-20]`, () => {
    using timeline = new SwSyncTimeline('t')
    timeline.increment(value)
    const fence = timeline.createFence(seqno)
    assert.equal(fence.timestampNs === undefined, pending)
    assert.equal(fence.status, pending ? 'pending' : 'signaled')
    assert.equal(fence.seqno, seqno)
    assert.equal(timeline.pending.length, pending ? 1 : 0)
  })

test('createFence returns the pending fence of the same seqno, with a reference each [SW-4]', () => {
  using timeline = new SwSyncTimeline('t')
  const fence = timeline.createFence(3)
  const same = timeline.createFence(3)
  assert.equal(same, fence)
  assert.notEqual(timeline.createFence(4), fence)
  putFence(fence)
  assert.equal(timeline.pending.includes(same), true)
  putFence(same)
  assert.equal(timeline.pending.includes(same), false)
})

test('createFence makes a new fence where the same seqno is signalled [SW-4]', () => {
  using timeline = new SwSyncTimeline('t')
  timeline.increment(3)
  assert.notEqual(timeline.createFence(3), timeline.createFence(3))
})

test('Pending fences are kept in the order of their seqnos, also over the wrap [SW-5]', () => {
  using timeline = new SwSyncTimeline('t')
  timeline.increment(2 ** 32 - 10)
  assert.equal(timeline.value, -10)
  const seqnos = [3, 2 ** 32 - 1, 1, 2 ** 32 - 9, 0, 2]
  for (const seqno of seqnos) timeline.createFence(seqno)
  const order = timeline.pending.map(({ seqno }) => seqno)
  assert.deepEqual(order, [2 ** 32 - 9, 2 ** 32 - 1, 0, 1, 2, 3])
})

test('increment signals in seqno order and stops at the first that is later [SW-6]', () => {
  using timeline = new SwSyncTimeline('t')
  const signalled: number[] = []
  for (const seqno of [5, 2, 4, 3])
    timeline.createFence(seqno).addCallback((fence) => signalled.push(fence.seqno))
  timeline.increment()
  assert.deepEqual(signalled, [])
  timeline.increment(3)
  assert.deepEqual([signalled, timeline.value], [[2, 3, 4], 4])
})

const steps = [
  { amount: INT_MAX, value: INT_MAX },
  { amount: INT_MAX + 1, value: -(2 ** 31) },
  { amount: 2 ** 32 - 1, value: -1 },
]
for (const { amount, value } of steps)
  test(`increment by ${amount} overtakes no pending fence [SW-6]`, () => {
    using timeline = new SwSyncTimeline('t')
    const near = timeline.createFence(1)
    const far = timeline.createFence(INT_MAX)
    timeline.increment(amount)
    assert.deepEqual([near.status, far.status, timeline.value], ['signaled', 'signaled', value])
    assert.equal(timeline.pending.length, 0)
  })

test('increment by 0 signals nothing', () => {
  using timeline = new SwSyncTimeline('t')
  const fence = timeline.createFence(1)
  timeline.increment(0)
  assert.equal(fence.status, 'pending')
})

test('A callback may advance its own timeline: every fence signals once, in order', () => {
  using timeline = new SwSyncTimeline('t')
  const signalled: number[] = []
  for (const seqno of [1, 2, 3])
    timeline.createFence(seqno).addCallback(() => {
      signalled.push(seqno)
      if (seqno === 1) timeline.increment(2)
    })
  timeline.increment()
  assert.deepEqual([signalled, timeline.value], [[1, 2, 3], 3])
})

test('close fails what is pending with ENOENT; fences keep their name [SW-7]', () => {
  const timeline = new SwSyncTimeline('gone')
  const reached = timeline.createFence(1)
  timeline.increment()
  const pending = [timeline.createFence(2), timeline.createFence(3)]
  timeline.close()
  assert.equal(reached.status, 'signaled')
  for (const fence of pending) {
    assert.deepEqual([fence.status, fence.error?.code], ['error', 'ENOENT'])
    assert.equal(fence.timelineName, 'gone')
  }
  timeline.close()
})

test('A closed timeline makes no fences and does not advance', () => {
  const timeline = new SwSyncTimeline('t')
  timeline[Symbol.dispose]()
  assert.equal(
    thrownCode(() => timeline.createFence(1)),
    'EBADF',
  )
  assert.equal(
    thrownCode(() => timeline.increment()),
    'EBADF',
  )
})

test('Numbers that are not unsigned 32-bit are RangeErrors', () => {
  using timeline = new SwSyncTimeline('t')
  for (const number of [-1, 0.5, 2 ** 32, Number.NaN]) {
    assert.throws(() => timeline.createFence(number), RangeError)
    assert.throws(() => timeline.increment(number), RangeError)
  }
  assert.throws(() => new SwSyncTimeline(7 as never), TypeError)
})

test('swSyncDeadlineNs is the earliest deadline that was set [SW-8]', () => {
  using timeline = new SwSyncTimeline('t')
  const fence = timeline.createFence(1)
  assert.equal(
    thrownCode(() => swSyncDeadlineNs(fence)),
    'ENOENT',
  )
  for (const deadlineNs of [500, 300, 400]) fence.setDeadline(deadlineNs)
  assert.equal(swSyncDeadlineNs(fence), 300)
  fence.setDeadline(-1)
  assert.equal(swSyncDeadlineNs(fence), -1)
})

test('swSyncDeadlineNs takes no fence of another kind [SW-8]', () => {
  assert.equal(
    thrownCode(() => swSyncDeadlineNs(stubFence())),
    'EINVAL',
  )
})

test('A deadline for a signalled fence is swallowed [SW-9]', () => {
  using timeline = new SwSyncTimeline('t')
  const fence = timeline.createFence(1)
  timeline.increment()
  fence.setDeadline(100)
  assert.equal(
    thrownCode(() => swSyncDeadlineNs(fence)),
    'ENOENT',
  )
})

test('A fence tells its value and its timeline’s as text [SW-10]', () => {
  using timeline = new SwSyncTimeline('t')
  timeline.increment(2 ** 32 - 2)
  const fence = timeline.createFence(7)
  const ops = access.ops(fence)
  assert.deepEqual([ops.valueText?.(fence), ops.timelineValueText?.(fence)], ['7', '-2'])
})

test('SwSyncTimeline keeps no fence that was put, and no order is lost by it [SW-5]', () => {
  using timeline = new SwSyncTimeline('t')
  const fences = [1, 2, 3].map((seqno) => timeline.createFence(seqno))
  putFence(fences[1])
  assert.deepEqual(timeline.pending, [fences[0], fences[2]])
})

test('SwSyncTimeline behaves as a list of fences, whatever is called [SW-3, SW-4, SW-5, SW-6]', () => {
  const near = fc.integer({ min: -6, max: 6 })
  const step = fc.oneof(
    fc.record({ call: fc.constant('create' as const), by: near }),
    fc.record({ call: fc.constant('increment' as const), by: fc.nat(4) }),
    fc.record({ call: fc.constant('increment' as const), by: fc.constantFrom(INT_MAX, 2 ** 31) }),
    fc.record({ call: fc.constant('put' as const), by: fc.nat(20) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 50 }), (calls) => {
      using timeline = new SwSyncTimeline('t')
      // What must be pending: seqno to the fence, and how many references we hold.
      const pending = new Map<number, { fence: Fence; references: number }>()
      let value = 0
      for (const { call, by } of calls) {
        if (call === 'create') {
          const seqno = (value + by) >>> 0
          const fence = timeline.createFence(seqno)
          const known = pending.get(seqno)
          assert.equal(fence.isSignaled(), by <= 0)
          if (known !== undefined) assert.equal(fence, known.fence)
          if (known !== undefined) known.references++
          else if (by > 0) pending.set(seqno, { fence, references: 1 })
        } else if (call === 'increment') {
          const past = [...pending].filter(([seqno]) => (seqno - value) >>> 0 <= by)
          value = (value + by) | 0
          timeline.increment(by)
          for (const [seqno, { fence }] of past) {
            assert.equal(fence.status, 'signaled')
            pending.delete(seqno)
          }
        } else {
          const [seqno, known] = [...pending][by % Math.max(1, pending.size)] ?? []
          if (seqno === undefined || known === undefined) continue
          putFence(known.fence)
          if (--known.references === 0) pending.delete(seqno)
        }
        const order = [...pending.keys()].sort((a, b) => ((a - value) >>> 0) - ((b - value) >>> 0))
        assert.deepEqual(
          timeline.pending.map(({ seqno }) => seqno),
          order,
        )
        assert.equal(timeline.value, value)
      }
    }),
  )
})
