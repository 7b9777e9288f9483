// Goal: a sync file carries one fence, tells how it stands, and lets it go.
// Method: fences of timelines for tests; the callbacks of a fence are counted through its ops.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setDebug } from '#src/core/debug.js'
import { DmaBufError } from '#src/core/errors.js'
import { createFenceArray, FenceArray } from '#src/core/fence/fence-array.js'
import { createFenceChain } from '#src/core/fence/fence-chain.js'
import { Fence, getFence, putFence, signalFence, type FenceOps } from '#src/core/fence/fence.js'
import { stubFence } from '#src/core/fence/stub.js'
import { SwSyncTimeline } from '#src/core/sw-sync.js'
import { createSyncFile } from '#src/core/sync-file.js'
import { errorCode, thrownCode } from '../helpers/error-code.js'
import { useManualClock } from '../helpers/manual-clock.js'
import { collectWarnings } from '../helpers/warnings.js'

function fenceWith(ops: Partial<FenceOps> = {}, context = 9, seqno = 4): Fence {
  return new Fence({ driverName: 'gpu', timelineName: 'ring', ...ops }, context, seqno)
}

test('createSyncFile holds its own reference on the fence until close [SF-1]', () => {
  using warnings = collectWarnings()
  let releases = 0
  const fence = fenceWith({ release: () => releases++ })
  const file = createSyncFile(fence)
  putFence(fence)
  assert.equal(file.fence, fence)
  assert.equal(releases, 0)
  file.close()
  assert.equal(releases, 1)
  file.close()
  assert.deepEqual([releases, warnings.rules], [1, []])
})

test('createSyncFile and merge without memory are ENOMEM and take no reference [SF-1]', () => {
  let releases = 0
  const fence = fenceWith({ release: () => releases++ })
  using file = createSyncFile(fence)
  {
    using _debug = setDebug({ failAllocations: true })
    assert.equal(
      thrownCode(() => createSyncFile(fence)),
      'ENOMEM',
    )
    assert.equal(
      thrownCode(() => file.merge(file)),
      'ENOMEM',
    )
  }
  putFence(fence)
  file.close()
  assert.equal(releases, 1)
})

test('SyncFile.dup shares the file: the fence is let go with the last handle [SF-1]', () => {
  let releases = 0
  const fence = fenceWith({ release: () => releases++ })
  const file = createSyncFile(fence)
  putFence(fence)
  const copy = file.dup()
  file.close()
  assert.deepEqual([copy.fence, releases], [fence, 0])
  copy[Symbol.dispose]()
  assert.equal(releases, 1)
})

test('SyncFile throws EBADF after close, in every method', async () => {
  const file = createSyncFile(fenceWith())
  using open = createSyncFile(fenceWith())
  file.close()
  assert.equal(file.closed, true)
  const calls: (() => unknown)[] = [
    () => file.fence,
    () => file.merge(open),
    () => open.merge(file),
    () => file.info(),
    () => file.setDeadline(1),
    () => file.poll(),
    () => file.dup(),
  ]
  for (const call of calls) assert.equal(thrownCode(call), 'EBADF')
  assert.equal(await errorCode(() => file.ready()), 'EBADF')
})

test('SyncFile.name is made of driver, timeline, context and seqno [SF-7, API-6]', () => {
  using file = createSyncFile(fenceWith({}, 12, 345))
  assert.equal(file.name, 'gpu-ring12-345')
})

test('SyncFile.name of the stub and of a sw_sync fence [SF-7]', () => {
  const stub = stubFence()
  using stubFile = createSyncFile(stub)
  putFence(stub)
  assert.equal(stubFile.name, 'stub-stub0-0')
  using timeline = new SwSyncTimeline('surface')
  using file = createSyncFile(timeline.createFence(5))
  assert.equal(file.name, `sw_sync-surface${timeline.context}-5`)
})

test('SyncFile.name is what it was given, unless that is empty [SF-7]', () => {
  using file = createSyncFile(fenceWith(), 'given')
  using named = file.merge(file, 'merged')
  using unnamed = file.merge(file, '')
  assert.deepEqual([file.name, named.name, unnamed.name], ['given', 'merged', 'gpu-ring9-4'])
})

test('SyncFile.merge of two timelines waits for both; both inputs stay [SF-11]', () => {
  using a = new SwSyncTimeline('a')
  using b = new SwSyncTimeline('b')
  const fileA = createSyncFile(a.createFence(1))
  const fileB = createSyncFile(b.createFence(1))
  using merged = fileA.merge(fileB)
  assert.ok(merged.fence instanceof FenceArray)
  fileA.close()
  assert.equal(fileB.info().fences.length, 1)
  fileB.close()
  a.increment()
  assert.equal(merged.poll(), false)
  b.increment()
  assert.equal(merged.poll(), true)
})

test('SyncFile.merge with itself is the fence itself [SF-11]', () => {
  using timeline = new SwSyncTimeline('t')
  using file = createSyncFile(timeline.createFence(1))
  using merged = file.merge(file)
  assert.equal(merged.fence, file.fence)
})

test('SyncFile.merge of what is signalled is a private stub with the latest time [SF-11]', () => {
  using time = useManualClock()
  using timeline = new SwSyncTimeline('t')
  using file = createSyncFile(timeline.createFence(1))
  timeline.increment()
  using stub = createSyncFile(stubFence())
  const signalledNs = time.clock.nowNs()
  time.clock.advance(5)
  using merged = file.merge(file)
  assert.equal(merged.fence.driverName, 'stub')
  assert.notEqual(merged.fence, stub.fence)
  assert.equal(merged.fence.timestampNs, signalledNs)
})

test('SyncFile.merge keeps no reference too many', () => {
  const released: string[] = []
  const ops = (name: string): Partial<FenceOps> => ({ release: () => released.push(name) })
  const a = fenceWith(ops('a'), 1)
  const b = fenceWith(ops('b'), 2)
  const fileA = createSyncFile(a)
  const fileB = createSyncFile(b)
  const merged = fileA.merge(fileB)
  for (const fence of [a, b]) putFence(fence)
  fileA.close()
  fileB.close()
  assert.deepEqual(released, [])
  merged.close()
  assert.deepEqual(released.sort(), ['a', 'b'])
})

const nested = [
  { name: 'a plain fence', count: 1, make: () => fenceWith() },
  { name: 'the stub', count: 1, make: stubFence },
  {
    name: 'an array of three',
    count: 3,
    make: () => {
      const fences = [1, 2, 3].map((context) => fenceWith({}, context))
      signalFence(fences[1]!)
      return createFenceArray(fences, { context: 7, seqno: 1 })
    },
  },
  {
    name: 'a chain whose older node is done',
    count: 1,
    make: () => {
      const done = fenceWith({}, 1)
      signalFence(done)
      return createFenceChain(createFenceChain(undefined, done, 1), fenceWith({}, 2), 2)
    },
  },
]
for (const { name, count, make } of nested)
  test(`SyncFile.info of ${name} lists ${count} [SF-15]`, () => {
    const fence = make()
    using file = createSyncFile(fence)
    assert.equal(file.info().fences.length, count)
    putFence(fence)
  })

test('SyncFile.info tells names, state and time of each fence [SF-17]', () => {
  using time = useManualClock()
  using timeline = new SwSyncTimeline('t')
  const pending = timeline.createFence(2)
  const done = timeline.createFence(1)
  timeline.increment()
  const failed = fenceWith()
  const error = new DmaBufError('EIO', 'render', 'Shader hangs')
  signalFence(failed, error)
  const array = createFenceArray([done, failed, pending], { context: 7, seqno: 1 })
  using file = createSyncFile(array)
  const timestampNs = time.clock.nowNs()
  const swSync = { timelineName: 't', driverName: 'sw_sync', error: undefined }
  assert.deepEqual(file.info().fences, [
    { ...swSync, status: 'signaled', timestampNs },
    { timelineName: 'ring', driverName: 'gpu', status: 'error', error, timestampNs },
    { ...swSync, status: 'pending', timestampNs: undefined },
  ])
})

const OK = 'signaled'
const overall = [
  { leaves: [OK, OK], status: 'signaled' },
  { leaves: ['pending', OK], status: 'pending' },
  { leaves: [OK, 'pending'], status: 'pending' },
  { leaves: ['pending', 'error'], status: 'pending' },
  { leaves: ['error', 'pending'], status: 'error' },
  { leaves: [OK, 'error', 'pending'], status: 'error' },
]
for (const { leaves, status } of overall)
  test(`SyncFile.info of ${leaves.join(', ')} is ${status} overall [SF-18]`, () => {
    const error = new DmaBufError('EIO', 'render', 'Shader hangs')
    const fences = leaves.map((state, index) => {
      const fence = fenceWith({}, index + 1)
      if (state !== 'pending') signalFence(fence, state === 'error' ? error : undefined)
      return fence
    })
    using file = createSyncFile(createFenceArray(fences, { context: 7, seqno: 1 }))
    const info = file.info()
    assert.equal(info.status, status)
    assert.equal(info.error, status === 'error' ? error : undefined)
  })

test('SyncFile.setDeadline reaches the fence, through an array too [SF-20]', () => {
  const asked: number[] = []
  const fences = [1, 2].map((context) =>
    fenceWith({ setDeadline: (_fence, deadlineNs) => asked.push(deadlineNs) }, context),
  )
  using file = createSyncFile(createFenceArray(fences, { context: 7, seqno: 1 }))
  file.setDeadline(-5)
  assert.deepEqual(asked, [-5, -5])
})

test('SyncFile.poll is true once the fence signalled, also with an error [SF-4]', () => {
  const fence = fenceWith()
  using file = createSyncFile(fence)
  assert.equal(file.poll(), false)
  signalFence(fence, new DmaBufError('EIO', 'render', 'Shader hangs'))
  assert.equal(file.poll(), true)
})

test('SyncFile.poll enables signalling once, and one callback wakes everybody [SF-5]', () => {
  let enabled = 0
  const woken: string[] = []
  const fence = fenceWith({
    enableSignaling() {
      enabled++
      return true
    },
  })
  using file = createSyncFile(fence)
  using copy = file.dup()
  const wake = (name: string) => () => void woken.push(name)
  file.poll(wake('first'))
  copy.poll(wake('second'))
  assert.deepEqual([enabled, woken], [1, []])
  signalFence(fence)
  assert.deepEqual(woken, ['first', 'second'])
})

test('SyncFile.poll wakes directly where the first poll finds the fence signalled [SF-5]', () => {
  const fence = fenceWith()
  signalFence(fence)
  using file = createSyncFile(fence)
  let woken = 0
  assert.equal(
    file.poll(() => woken++),
    true,
  )
  assert.equal(woken, 1)
})

test('SyncFile.stopPolling ends one registration, in the middle of a wake-up too', () => {
  const fence = fenceWith()
  using file = createSyncFile(fence)
  const woken: string[] = []
  const stopped = (): void => void woken.push('stopped')
  const first = (): void => {
    woken.push('first')
    file.stopPolling(first)
  }
  file.poll(stopped)
  file.poll(first)
  file.poll(() => woken.push('last'))
  file.stopPolling(stopped)
  file.stopPolling(stopped)
  signalFence(fence)
  assert.deepEqual(woken, ['first', 'last'])
})

test('A waker that throws keeps nobody asleep and is reported [PORT-4]', () => {
  using warnings = collectWarnings()
  const fence = fenceWith()
  using file = createSyncFile(fence)
  let woken = 0
  file.poll(() => {
    throw new Error('not mine')
  })
  file.poll(() => woken++)
  signalFence(fence)
  assert.deepEqual([woken, warnings.rules], [1, ['PORT-4']])
})

test('Closing a polled file takes its callback back, before it puts the fence [SF-6]', () => {
  using warnings = collectWarnings()
  let releases = 0
  const fence = fenceWith({ release: () => releases++ })
  const file = createSyncFile(fence)
  putFence(fence)
  let woken = 0
  file.poll(() => woken++)
  file.close()
  // With the callback still there the fence would be signalled with EDEADLK, and warn.
  assert.deepEqual([releases, woken, warnings.rules], [1, 0, []])
})

test('Closing a file that was never polled takes no callback back [SF-6]', () => {
  const fence = fenceWith()
  getFence(fence)
  let called = 0
  fence.addCallback(() => called++)
  createSyncFile(fence).close()
  signalFence(fence)
  assert.equal(called, 1)
})

test('SyncFile.ready settles when the fence signals, with or without an error [SF-4]', async () => {
  const fence = fenceWith()
  using file = createSyncFile(fence)
  const ready = file.ready()
  signalFence(fence, new DmaBufError('EIO', 'render', 'Shader hangs'))
  await ready
  await file.ready({ timeoutMs: 0 })
})

test('SyncFile.ready lasts, whoever closes the handle meanwhile [SF-6]', async () => {
  let releases = 0
  const fence = fenceWith({ release: () => releases++ })
  const file = createSyncFile(fence)
  const ready = file.ready()
  file.close()
  putFence(getFence(fence))
  signalFence(fence)
  await ready
  putFence(fence)
  assert.equal(releases, 1)
})

test('SyncFile.ready times out, and is interrupted with the reason of its signal', async () => {
  using time = useManualClock()
  const fence = fenceWith()
  using file = createSyncFile(fence)
  const late = file.ready({ timeoutMs: 10 })
  time.clock.advance(10)
  assert.equal(await errorCode(() => late), 'ETIMEDOUT')
  const controller = new AbortController()
  const aborted = file.ready({ signal: controller.signal })
  controller.abort('enough')
  await assert.rejects(aborted, (error) => error === 'enough')
  assert.equal(time.clock.timerCount, 0)
})

test('createSyncFile of what is no fence is a TypeError', () => {
  for (const none of [null, undefined, {}])
    assert.throws(() => createSyncFile(none as Fence), TypeError)
})

test('SyncFile.info lists what the creator of a fence says it stands for [SF-15, SF-18]', () => {
  const state = { driverName: 'gpu', timelineName: 'a', error: undefined, timestampNs: undefined }
  const done = { ...state, status: 'signaled', timestampNs: 5 } as const
  const pending = { ...state, status: 'pending' } as const
  const fence = fenceWith({ states: () => [done, pending] })
  using file = createSyncFile(fence)
  assert.deepEqual(file.info().fences, [done, pending])
  assert.equal(file.info().status, 'pending')
})
