// Goal: the driver fills the queue's own buffers; a viewer that keeps them stops the driver, nobody else.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ImportSlots } from '#src/devices/v4l2/fill-queue.js'
import { createFrameQueue, openMemfdHeap, openFramePort } from '#src/linux/index.js'
import * as uapi from '#src/uapi/videodev2-buffers.js'
import { FakeCamera } from '../../helpers/fake-camera.js'
import { until } from '../../helpers/leaks.js'

test('ImportSlots gives a buffer the slot it had, and a new one a slot that is free', () => {
  const heap = openMemfdHeap()
  const buffers = [1, 2, 3].map(() => heap.allocate(1))
  const [a, b, c] = buffers as [(typeof buffers)[0], (typeof buffers)[0], (typeof buffers)[0]]
  const slots = new ImportSlots(2)
  const free = (): boolean => false
  assert.equal(slots.slotOf(a, free), 0)
  assert.equal(slots.slotOf(b, free), 1)
  assert.equal(slots.slotOf(a, free), 0)
  // All are known: one that the driver does not have is taken, that of a closed buffer first.
  b.close()
  assert.equal(slots.slotOf(c, free), 1)
  assert.equal(
    slots.slotOf(a, (index) => index === 1),
    0,
  )
  for (const buffer of buffers) buffer.close()
})

test('into publishes what the driver fills, and not what is damaged', async () => {
  using camera = new FakeCamera()
  await using capture = camera.capture({ buffers: 5 })
  const { format, lengthBytes, heap } = capture
  await using queue = createFrameQueue({ format, lengthBytes, heap, buffers: 5 })
  await using frames = await openFramePort(queue.port(), { mode: 'fifo' })
  const filling = capture.into(queue, { frames: 3 })
  for (const flags of [0, uapi.V4L2_BUF_FLAG_ERROR, 0, 0]) {
    while (!camera.streams || camera.queued.length === 0)
      await new Promise((resolve) => setImmediate(resolve))
    camera.shoot(flags)
    await new Promise((resolve) => setTimeout(resolve, 5))
    if (flags !== 0) continue
    using frame = await frames.receive()
    assert.equal(frame?.timestampNs, 2_000_005_000)
    assert.equal(frame.lengthBytes, lengthBytes)
  }
  await filling
  const { frames: taken, missed, damaged } = capture.stats()
  assert.deepEqual([taken, missed, damaged], [4, 0, 1])
  assert.equal(queue.stats().queued, 3)
  assert.equal(camera.streams, false)
})

test('into refuses a queue of other memory, and one whose frames are too small', async () => {
  using camera = new FakeCamera()
  await using capture = camera.capture()
  const { format, lengthBytes } = capture
  await using other = createFrameQueue({ format, lengthBytes })
  await assert.rejects(capture.into(other), { code: 'EINVAL', message: /heap: capture.heap/ })
  await using small = createFrameQueue({ lengthBytes: 100 })
  await assert.rejects(capture.into(small), {
    code: 'EINVAL',
    message: /lengthBytes of the capture/,
  })
})

test('An aborted signal ends into(), and every buffer is the queue’s again', async () => {
  using camera = new FakeCamera()
  await using capture = camera.capture({ buffers: 3 })
  const { format, lengthBytes, heap } = capture
  await using queue = createFrameQueue({ format, lengthBytes, heap, buffers: 3 })
  const stop = new AbortController()
  const filling = capture.into(queue, { signal: stop.signal })
  while (!camera.streams || camera.queued.length < 3)
    await new Promise((resolve) => setImmediate(resolve))
  stop.abort(new Error('enough'))
  await assert.rejects(filling, /enough/)
  assert.equal(queue.stats().cancelled, 3)
})

test('A camera that is unplugged ends into() with ENODEV', async () => {
  using camera = new FakeCamera()
  const capture = camera.capture({ buffers: 3 })
  const { format, lengthBytes, heap } = capture
  await using queue = createFrameQueue({ format, lengthBytes, heap, buffers: 3 })
  const filling = capture.into(queue)
  while (!camera.streams || camera.queued.length === 0)
    await new Promise((resolve) => setImmediate(resolve))
  camera.failures.set(uapi.VIDIOC_DQBUF, 'ENODEV')
  camera.shoot()
  await assert.rejects(filling, { code: 'ENODEV' })
  assert.equal(capture.closed, true)
})

// Patience that ends looks for free buffers, too: not here.
const NEVER = { afterMs: 60_000, then: 'wait' } as const

test('Without a viewer the driver goes on: what is published is free again with the next', async () => {
  using camera = new FakeCamera()
  await using capture = camera.capture({ buffers: 3 })
  const { format, lengthBytes, heap } = capture
  await using queue = createFrameQueue({
    format,
    lengthBytes,
    heap,
    buffers: 3,
    slowConsumer: NEVER,
  })
  for (let run = 0; run < 2; run++) {
    const filling = capture.into(queue, { frames: 10 })
    for (let shot = 0; shot < 10; shot++) {
      // The newest stays with the queue, for who joins.
      await until(
        () => camera.streams && camera.queued.length >= 2,
        () => `no buffer after ${shot} pictures`,
        5000,
      )
      camera.shoot()
    }
    await filling
  }
  const { frames: taken, missed, damaged } = capture.stats()
  assert.deepEqual([taken, missed, damaged], [20, 0, 0])
})

test('The driver starts with every buffer that is free, not with the first', async () => {
  using camera = new FakeCamera()
  await using capture = camera.capture({ buffers: 4 })
  const { format, lengthBytes, heap } = capture
  await using queue = createFrameQueue({ format, lengthBytes, heap, buffers: 4 })
  const stop = new AbortController()
  const filling = capture.into(queue, { signal: stop.signal })
  while (!camera.streams) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(camera.queuedAtStart, 4)
  stop.abort(new Error('enough'))
  await assert.rejects(filling, /enough/)
})
