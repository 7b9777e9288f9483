// Goal: memory that no device can fill is refused before a driver sees it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BufferQueue } from '#src/devices/v4l2/buffer-queue.js'
import { driverPiece, exportedBuffers, importedPiece } from '#src/devices/v4l2/capture-buffers.js'
import { openMemoryHeap } from '#src/index.js'
import { openMemfdHeap } from '#src/linux/index.js'
import { VIDIOC_EXPBUF } from '#src/uapi/videodev2-buffers.js'
import { FakeCamera } from '../../helpers/fake-camera.js'
import { countResources, settled } from '../../helpers/leaks.js'

test('importedPiece refuses memfds and memory without a descriptor', () => {
  using memfd = openMemfdHeap().allocate(4096)
  assert.throws(() => importedPiece(memfd), { code: 'EINVAL', message: /need: 'device'/ })
  using memory = openMemoryHeap().allocate(4096)
  assert.throws(() => importedPiece(memory), { code: 'EINVAL' })
})

test('driverPiece needs no descriptor', () => {
  using memory = openMemoryHeap().allocate(4096)
  assert.deepEqual(driverPiece(memory), { fd: -1, lengthBytes: 4096 })
})

test('exportedBuffers closes what it has where the driver fails half way', async () => {
  using camera = new FakeCamera()
  using queue = new BufferQueue(camera.node, 1, 2)
  await settled()
  const before = countResources()
  const wanted = { count: 2, pieceLengths: [10, 10] }
  const all = exportedBuffers(queue, wanted)
  assert.deepEqual(
    all.map((pieces) => pieces.length),
    [2, 2],
  )
  for (const buffer of all.flat()) buffer.close()
  let calls = 0
  const original = camera.try.bind(camera)
  camera.try = (request, bytes) =>
    request === VIDIOC_EXPBUF && ++calls === 3 ? 'ENOMEM' : original(request, bytes)
  assert.throws(() => exportedBuffers(queue, wanted), { code: 'ENOMEM' })
  await settled()
  assert.deepEqual(countResources(), before)
})
