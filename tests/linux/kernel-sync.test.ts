// Goal: the kernel is told of each access, on the right thread, and never while somebody is in the way.
// Method: pipes in the place of buffers, a driver that notes what it is asked.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KernelMemory } from '#src/linux/kernel-memory.js'
import { beginKernelAccess, endKernelAccess, tryBeginKernelAccess } from '#src/linux/kernel-sync.js'
import { FakeKernelBuffers } from '../helpers/fake-kernel-buffers.js'

interface Rig extends Disposable {
  readonly fakes: FakeKernelBuffers
  readonly memory: KernelMemory
  busy(): void
  ready(): void
}

function rig(isForeign: boolean): Rig {
  const fakes = new FakeKernelBuffers()
  const { fd, busy, ready } = fakes.make()
  const memory = new KernelMemory(fd, 4096)
  memory.isForeign = isForeign
  return {
    fakes,
    memory,
    busy,
    ready,
    [Symbol.dispose]() {
      memory.release()
      fakes[Symbol.dispose]()
    },
  }
}

test('Each direction has its flags, at the begin and at the end [BUF-49, BUF-50]', () => {
  using one = rig(false)
  for (const direction of ['from-device', 'to-device', 'bidirectional'] as const) {
    assert.equal(tryBeginKernelAccess(direction, one.memory), true)
    endKernelAccess(direction, one.memory)
  }
  assert.deepEqual(one.fakes.syncs, ['1', '5', '2', '6', '3', '7'])
})

test('Memory that nobody else has is not looked at first; other memory is [CPU-2]', () => {
  using one = rig(false)
  one.busy()
  assert.equal(tryBeginKernelAccess('from-device', one.memory), true)
  one.memory.isForeign = true
  assert.equal(tryBeginKernelAccess('from-device', one.memory), false)
  one.ready()
  assert.equal(tryBeginKernelAccess('from-device', one.memory), true)
})

test('An access begins at once, without a promise, on the loop', () => {
  using one = rig(false)
  assert.equal(beginKernelAccess('from-device', one.memory), undefined)
  one.memory.isForeign = true
  assert.equal(beginKernelAccess('from-device', one.memory, { blocking: 'loop' }), undefined)
  assert.deepEqual(one.fakes.syncs, ['1', '1'])
})

test('Memory that others have is begun on a thread, unless it is said otherwise', async () => {
  using one = rig(true)
  await beginKernelAccess('from-device', one.memory)
  one.memory.isForeign = false
  await beginKernelAccess('from-device', one.memory, { blocking: 'thread' })
  assert.deepEqual(one.fakes.syncs, ['thread 1', 'thread 1'])
})

for (const blocking of ['loop', 'thread'] as const) {
  test(`Nothing is called until nobody is in the way, on ${blocking} [CPU-2]`, async () => {
    using one = rig(true)
    one.busy()
    const begun = beginKernelAccess('from-device', one.memory, { blocking })
    await new Promise(setImmediate)
    assert.deepEqual(one.fakes.syncs, [])
    one.ready()
    await begun
    assert.deepEqual(one.fakes.syncs, [blocking === 'loop' ? '1' : 'thread 1'])
  })

  test(`A wait ends with its timeout and its signal, on ${blocking} [CPU-3]`, async () => {
    using one = rig(true)
    one.busy()
    const late = beginKernelAccess('from-device', one.memory, { blocking, timeoutMs: 2 })
    await assert.rejects(Promise.resolve(late), { code: 'ETIMEDOUT' })
    const stop = new AbortController()
    const begun = beginKernelAccess('from-device', one.memory, { blocking, signal: stop.signal })
    stop.abort(new Error('enough'))
    await assert.rejects(Promise.resolve(begun), /enough/)
    assert.deepEqual(one.fakes.syncs, [])
  })

  test(`What the exporter says is thrown, on ${blocking} [CPU-1]`, async () => {
    using one = rig(true)
    one.fakes.syncResult = -5
    const begin = async (): Promise<void> =>
      beginKernelAccess('from-device', one.memory, { blocking })
    await assert.rejects(begin(), { code: 'EIO', operation: 'beginCpuAccess' })
    assert.throws(() => endKernelAccess('from-device', one.memory), { operation: 'endCpuAccess' })
  })
}

test('A way of blocking that is none is a TypeError', () => {
  using one = rig(false)
  const begin = (blocking: unknown) => () =>
    beginKernelAccess('from-device', one.memory, { blocking: blocking as 'loop' })
  for (const blocking of ['threads', true, null])
    assert.throws(begin(blocking), { name: 'TypeError', message: /'loop' or 'thread'/ })
  assert.deepEqual(one.fakes.syncs, [])
})

test('An aborted signal begins nothing', () => {
  using one = rig(false)
  const signal = AbortSignal.abort(new Error('before'))
  assert.throws(() => beginKernelAccess('from-device', one.memory, { signal }), /before/)
  assert.deepEqual(one.fakes.syncs, [])
})

test('What a thread begins after it was given up is ended [CPU-6]', async () => {
  using one = rig(true)
  one.fakes.holdsThread = true
  const begun = beginKernelAccess('to-device', one.memory, { blocking: 'thread', timeoutMs: 2 })
  // Somebody came in between: that is what the thread waits for.
  one.busy()
  await assert.rejects(Promise.resolve(begun), { code: 'ETIMEDOUT' })
  assert.deepEqual(one.fakes.syncs, ['thread 2'])
  one.fakes.letThreadGo!()
  await new Promise(setImmediate)
  assert.deepEqual(one.fakes.syncs, ['thread 2', '6'])
})

test('A thread that is late takes nothing from the time for the work of others [CPU-3]', async () => {
  using one = rig(true)
  one.fakes.holdsThread = true
  const begun = beginKernelAccess('to-device', one.memory, { blocking: 'thread', timeoutMs: 0 })
  setTimeout(() => one.fakes.letThreadGo!(), 30)
  await begun
  assert.deepEqual(one.fakes.syncs, ['thread 2'])
})

test('A wait for a thread that is late ends with its signal', async () => {
  using one = rig(true)
  one.fakes.holdsThread = true
  const stop = new AbortController()
  const options = { blocking: 'thread', timeoutMs: 0, signal: stop.signal } as const
  const begun = beginKernelAccess('to-device', one.memory, options)
  setTimeout(() => stop.abort(new Error('enough')), 30)
  await assert.rejects(Promise.resolve(begun), /enough/)
  one.fakes.letThreadGo!()
  await new Promise(setImmediate)
  assert.deepEqual(one.fakes.syncs, ['thread 2', '6'])
})
