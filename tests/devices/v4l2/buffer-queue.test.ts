// Goal: buffers go to the driver and come back filled; waiting wakes for a picture, and for nothing else.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BufferQueue } from '#src/devices/v4l2/buffer-queue.js'
import * as uapi from '#src/uapi/videodev2-buffers.js'
import { FakeCamera } from '../../helpers/fake-camera.js'

const piece = { fd: -1, lengthBytes: 4096 }

test('request tells how many buffers the driver made, fewer than asked', () => {
  using camera = new FakeCamera()
  using queue = new BufferQueue(camera.node, 1, 1)
  camera.maxBuffers = 2
  assert.equal(queue.request('export', 8), 2)
})

test('request refuses a driver that makes none', () => {
  using camera = new FakeCamera()
  using queue = new BufferQueue(camera.node, 1, 1)
  camera.maxBuffers = 0
  assert.throws(() => queue.request('export', 8), { code: 'ENOMEM' })
})

test('request says what to do where the driver imports nothing', () => {
  using camera = new FakeCamera()
  using queue = new BufferQueue(camera.node, 1, 1)
  assert.throws(() => queue.request('import', 2), { code: 'EINVAL', message: /memory: 'export'/ })
})

for (const code of ['ENOTTY', 'EINVAL'])
  test(`export says what to do where the driver exports nothing (${code})`, () => {
    using camera = new FakeCamera()
    using queue = new BufferQueue(camera.node, 1, 1)
    queue.request('export', 1)
    camera.failures.set(uapi.VIDIOC_EXPBUF, code)
    assert.throws(() => queue.export(0, 0), { code, message: /memory: 'copy'/ })
  })

test('whereToMap tells what the driver tells', () => {
  using camera = new FakeCamera()
  using queue = new BufferQueue(camera.node, 1, 1)
  queue.request('copy', 2)
  const { fd, offset, lengthBytes } = queue.whereToMap(1, 0)
  assert.deepEqual([fd, offset, lengthBytes], [camera.fd, 65_536, 65_536])
  camera.failures.set(uapi.VIDIOC_QUERYBUF, 'EINVAL')
  assert.throws(() => queue.whereToMap(2, 0), { code: 'EINVAL' })
})

test('take gives what is filled, with the driver’s time, number and word of damage', async () => {
  using camera = new FakeCamera()
  using queue = new BufferQueue(camera.node, 1, 1)
  queue.request('export', 2)
  queue.give(1, [piece])
  queue.give(0, [piece])
  queue.start()
  assert.equal(queue.take(), undefined)
  camera.shoot()
  camera.shoot(uapi.V4L2_BUF_FLAG_ERROR)
  await queue.ready()
  const first = queue.take()
  assert.deepEqual(first, {
    index: 1,
    sequence: 0,
    timestampNs: 2_000_005_000,
    damaged: false,
    bytesUsed: [4708],
    dataOffsets: [0],
  })
  assert.deepEqual([queue.take()?.damaged, queue.given], [true, 0])
})

test('ready waits for a picture, or for wake()', async () => {
  using camera = new FakeCamera()
  using queue = new BufferQueue(camera.node, 1, 1)
  queue.request('export', 1)
  const events: string[] = []
  const woken = queue.ready().then(() => events.push('woken'))
  // Without a buffer the driver is not even asked.
  camera.shoot()
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(events, [])
  queue.wake()
  await woken
  queue.give(0, [piece])
  queue.start()
  const picture = queue.ready()
  camera.shoot()
  await picture
  assert.equal(queue.take()?.sequence, 1)
})

test('give and take say what the driver says', () => {
  using camera = new FakeCamera()
  using queue = new BufferQueue(camera.node, 1, 1)
  queue.request('export', 1)
  camera.failures.set(uapi.VIDIOC_QBUF, 'EIO')
  assert.throws(
    () => {
      queue.give(0, [piece])
    },
    { code: 'EIO' },
  )
  assert.equal(queue.given, 0)
  queue.give(0, [piece])
  camera.failures.set(uapi.VIDIOC_DQBUF, 'ENODEV')
  assert.throws(() => queue.take(), { code: 'ENODEV' })
})

test('Disposal stops the driver and takes its buffers away; it never throws', () => {
  const camera = new FakeCamera()
  const queue = new BufferQueue(camera.node, 1, 1)
  queue.request('export', 2)
  queue.give(0, [piece])
  queue.start()
  queue[Symbol.dispose]()
  assert.deepEqual([camera.streams, camera.bufferCount, queue.given], [false, 0, 0])
  camera[Symbol.dispose]()
  queue[Symbol.dispose]()
})
