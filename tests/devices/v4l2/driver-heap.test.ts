// Goal: the buffers of a driver are given out each once, and known again.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BufferQueue } from '#src/devices/v4l2/buffer-queue.js'
import { DriverHeap } from '#src/devices/v4l2/driver-heap.js'
import { openMemfdHeap } from '#src/linux/index.js'
import { FakeCamera } from '../../helpers/fake-camera.js'

function rig(camera: FakeCamera): DriverHeap {
  const queue = new BufferQueue(camera.node, 1, 1)
  return new DriverHeap('/dev/video-fake', queue, { count: 2, lengthBytes: 5000 })
}

test('DriverHeap gives each of the driver’s buffers once', () => {
  using camera = new FakeCamera()
  const heap = rig(camera)
  assert.equal(heap.count, 0)
  using first = heap.allocate(5000)
  using second = heap.allocate(1)
  using other = openMemfdHeap().allocate(1)
  assert.deepEqual([heap.indexOf(first), heap.indexOf(second)], [0, 1])
  assert.deepEqual([heap.indexOf(other), heap.count], [undefined, 2])
  assert.throws(() => heap.allocate(5000), { code: 'ENOMEM', message: /has 2 buffers/ })
})

test('DriverHeap refuses longer buffers than the driver has', () => {
  using camera = new FakeCamera()
  assert.throws(() => rig(camera).allocate(5001), { code: 'ENOMEM', message: /5000 bytes/ })
})
