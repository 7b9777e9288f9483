// Goal: ready() settles when the buffer is ready, not when somebody was woken, and gives everything back.
// Method: fences under the test's hand, a manual clock, signals aborted in every state.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { POLL_IN } from '#src/core/buffer/poll-events.js'
import { DmaBufError } from '#src/core/errors.js'
import { bufferObject } from '#src/core/buffer/buffer.js'
import { signalFence } from '#src/core/fence/fence.js'
import { Reservation } from '#src/core/reservation/reservation.js'
import { BufferRig } from '../../helpers/buffer-rig.js'
import { exportFake, FakeExporter } from '../../helpers/fake-exporter.js'
import { useManualClock } from '../../helpers/manual-clock.js'
import { mockFence } from '../../helpers/mock-fence.js'
import { isSettled } from '../../helpers/recording-buffer.js'
import { collectWarnings } from '../../helpers/warnings.js'

test('DmaBuf.ready settles at once where nothing is pending, whatever the time and the signal', async () => {
  using rig = new BufferRig()
  await rig.buffer.ready('read')
  await rig.buffer.ready('write', { timeoutMs: 0 })
  await rig.buffer.ready('write', { signal: AbortSignal.abort() })
  assert.equal(rig.extra, 0)
})

test('DmaBuf.ready to read waits for writers, to write for readers, too [BUF-38, MIS-2]', async () => {
  using rig = new BufferRig()
  const w = rig.add('write')
  const r = rig.add('read')
  rig.add('bookkeep')
  const reading = rig.buffer.ready('read')
  const writing = rig.buffer.ready('write')
  assert.equal(await isSettled(reading), false)
  signalFence(w)
  await reading
  assert.equal(await isSettled(writing), false)
  signalFence(r)
  await writing
  assert.equal(rig.object.poll.waiters.size, 0)
  assert.equal(rig.extra, 0)
})

test('DmaBuf.ready looks again after each wake-up: fences added meanwhile are waited for, too [BUF-45, MIS-3]', async () => {
  using rig = new BufferRig()
  let fence = rig.add('write')
  const ready = rig.buffer.ready('read')
  for (let round = 0; round < 3; round++) {
    const next = rig.add('write')
    signalFence(fence)
    fence = next
    assert.equal(await isSettled(ready), false, `round ${round}`)
  }
  signalFence(fence)
  await ready
})

test('DmaBuf.ready of many settles for all with one signal [BUF-40, EX-8]', async () => {
  using rig = new BufferRig()
  const fence = rig.add('write')
  const all = Array.from({ length: 10 }, (_, i) => rig.buffer.ready(i % 2 ? 'read' : 'write'))
  assert.equal(await isSettled(Promise.race(all)), false)
  assert.equal(rig.extra, 10 + 2, 'Ten waits and two slots')
  signalFence(fence)
  await Promise.all(all)
  assert.equal(rig.extra, 0)
})

test('DmaBuf.ready fails with ETIMEDOUT when the time is over, and says who is waited for', async () => {
  using time = useManualClock()
  using rig = new BufferRig()
  const fence = rig.add('write')
  const ready = rig.buffer.ready('read', { timeoutMs: 20 })
  time.clock.advance(19)
  assert.equal(await isSettled(ready), false)
  time.clock.advance(1)
  await assert.rejects(ready, {
    code: 'ETIMEDOUT',
    operation: 'ready',
    message: /Not ready to read after 20 ms: waiting for test ring seqno 1/,
  })
  assert.equal(time.clock.timerCount, 0)
  assert.equal(rig.object.poll.waiters.size, 0)
  assert.equal(rig.extra, 1, 'The slot stays armed')
  signalFence(fence)
})

test('DmaBuf.ready to write that times out names the reader', async () => {
  using time = useManualClock()
  using rig = new BufferRig()
  const fence = rig.add('read', { seqno: 7 })
  const ready = rig.buffer.ready('write', { timeoutMs: 20 })
  assert.equal(await isSettled(ready), false)
  time.clock.advance(20)
  await assert.rejects(ready, {
    code: 'ETIMEDOUT',
    message: /Not ready to write after 20 ms: waiting for test ring seqno 7/,
  })
  signalFence(fence)
})

test('DmaBuf.ready that is woken while it waits for the lock looks again without a word', async () => {
  using warnings = collectWarnings()
  using rig = new BufferRig()
  const fence = rig.add('write')
  assert.equal(rig.poll(POLL_IN), 0)
  const held = rig.object.reservation.tryLock()
  const ready = rig.buffer.ready('read')
  signalFence(fence)
  assert.equal(await isSettled(ready), false)
  held!.release()
  await ready
  assert.deepEqual(warnings.rules, [])
})

test('DmaBuf.ready rejects with the reason of a signal as it is, an ETIMEDOUT of its own, too', async () => {
  using rig = new BufferRig()
  const fence = rig.add('write')
  const reason = new DmaBufError('ETIMEDOUT', 'test', 'Somebody else ran out of time')
  const ready = rig.buffer.ready('read', { signal: AbortSignal.abort(reason) })
  await assert.rejects(ready, (error) => error === reason)
  signalFence(fence)
})

test('DmaBuf.ready has one time for all its looks', async () => {
  using time = useManualClock()
  using rig = new BufferRig()
  const first = rig.add('write')
  const second = rig.add('write')
  const ready = rig.buffer.ready('read', { timeoutMs: 20 })
  assert.equal(await isSettled(ready), false)
  time.clock.advance(15)
  signalFence(first)
  assert.equal(await isSettled(ready), false)
  time.clock.advance(5)
  await assert.rejects(ready, { code: 'ETIMEDOUT', message: /after 20 ms/ })
  signalFence(second)
})

test('DmaBuf.ready with a time of 0 looks once', async () => {
  using time = useManualClock()
  using rig = new BufferRig()
  const fence = rig.add('write')
  const ready = rig.buffer.ready('read', { timeoutMs: 0 })
  assert.equal(await isSettled(ready), false)
  time.clock.advance(0)
  await assert.rejects(ready, { code: 'ETIMEDOUT' })
  signalFence(fence)
  for (const timeoutMs of [-1, NaN])
    await assert.rejects(rig.buffer.ready('read', { timeoutMs }), RangeError)
})

test('DmaBuf.ready rejects with the reason of an aborted signal, before or while it sleeps', async () => {
  using rig = new BufferRig()
  const fence = rig.add('write')
  const reason = new Error('enough')
  await assert.rejects(rig.buffer.ready('read', { signal: AbortSignal.abort(reason) }), reason)
  const controller = new AbortController()
  const ready = rig.buffer.ready('read', { signal: controller.signal })
  assert.equal(await isSettled(ready), false)
  controller.abort(reason)
  await assert.rejects(ready, reason)
  assert.equal(rig.object.poll.waiters.size, 0)
  signalFence(fence)
})

test('DmaBuf.ready waits for the lock no longer than its time and its signal say', async () => {
  using time = useManualClock()
  using rig = new BufferRig()
  const fence = rig.add('write')
  const held = rig.object.reservation.tryLock()
  const reason = new Error('enough')
  const controller = new AbortController()
  const aborted = rig.buffer.ready('read', { signal: controller.signal })
  const late = rig.buffer.ready('read', { timeoutMs: 5 })
  assert.equal(await isSettled(Promise.race([aborted, late])), false)
  controller.abort(reason)
  await assert.rejects(aborted, reason)
  time.clock.advance(5)
  await assert.rejects(late, { code: 'ETIMEDOUT', message: /somebody holds the lock/ })
  held!.release()
  assert.equal(rig.extra, 0)
  signalFence(fence)
})

test('DmaBuf.ready keeps the buffer past close(), and fails with EBADF after it', async () => {
  using rig = new BufferRig()
  const fence = rig.add('write')
  const ready = rig.buffer.ready('read')
  rig.buffer.close()
  assert.equal(rig.released, false)
  signalFence(fence)
  await ready
  await assert.rejects(rig.buffer.ready('read'), { code: 'EBADF', operation: 'ready' })
})

test('DmaBuf.ready fails with EIO where the reservation is gone [BUF-37]', async () => {
  const reservation = new Reservation()
  using rig = new BufferRig({ info: { reservation } })
  reservation.destroy()
  const gone = { code: 'EIO', rule: 'BUF-37' }
  await assert.rejects(rig.buffer.ready('read'), gone)
  await assert.rejects(rig.buffer.ready('read', { signal: AbortSignal.abort() }), gone)
  assert.equal(rig.extra, 0)
})

test('DmaBuf.ready takes read and write, no other word', async () => {
  using rig = new BufferRig()
  for (const wrong of ['readwrite', '', undefined])
    await assert.rejects(rig.buffer.ready(wrong as 'read'), TypeError)
})

test('Many who wait to be ready wake each other once, not each time one of them looks [BUF-43]', async () => {
  const exporter = new FakeExporter(16)
  using buffer = exportFake(exporter)
  const { poll } = bufferObject(buffer, 'test')
  const fence = mockFence()
  await buffer.addFence(fence, 'write')
  const waits = Array.from({ length: 100 }, () => buffer.ready('read'))
  await Promise.resolve()
  let calls = 0
  const { wake } = poll.waiters
  poll.waiters.wake = (event) => {
    calls += poll.waiters.size
    wake.call(poll.waiters, event)
  }
  signalFence(fence)
  await Promise.all(waits)
  assert.ok(calls <= 300, `${calls} wakes for 100 waiters`)
  assert.equal(poll.waiters.size, 0)
})
