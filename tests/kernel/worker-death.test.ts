// Goal: a worker that is terminated wherever it is gives back what it held of devices.
// Method: one that is in the middle of accesses, waits and a capture; descriptors counted before and after.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openCapture } from '#src/devices/v4l2/index.js'
import { openFds, until } from '../helpers/leaks.js'
import { Thread } from '../helpers/thread.js'
import { vividNode } from '../helpers/vivid.js'

/** Descriptors of buffers, fences and devices: the worker has others for itself. */
function ofDevices(): readonly string[] {
  return openFds().filter((fd) => /dmabuf|sync_file|\/dev\/(dri|video|dma_heap)/.test(fd))
}

void test('A worker terminated in the middle of accesses, waits and a capture leaves nothing open', async () => {
  const camera = vividNode('vid-cap')
  const before = ofDevices().length
  const worker = await Thread.start<{ held: unknown }>()
  await worker.run(async ({ linux, drm, v4l2, state }, camera) => {
    const heap = linux.openHeap({ need: 'device' })
    const buffer = heap.allocate(8192)
    const access = await buffer.beginCpuAccess('write')
    access.bytes.fill(1)
    const vgem = drm.listDrmNodes().find(({ driverName }) => driverName === 'vgem')
    const device = drm.openDrm(vgem!.path)
    const busy = heap.allocate(4096)
    const fence = device.attachVgemFence(busy, { write: true })
    const file = busy.exportSyncFile('read')
    const waits = [
      busy.beginCpuAccess('read', { blocking: 'thread' }),
      busy.ready('read'),
      file.fence.wait(),
    ]
    const capture = await v4l2.openCapture(camera)
    const frame = await capture[Symbol.asyncIterator]().next()
    state.held = [heap, buffer, access, device, busy, fence, file, waits, capture, frame]
  }, camera)
  assert.ok(ofDevices().length > before + 5, ofDevices().join('\n'))
  await worker.terminate()
  await until(
    () => ofDevices().length === before,
    () => ofDevices().join('\n'),
  )
  // And the camera is free.
  await using capture = await openCapture(camera)
  for await (using frame of capture) {
    assert.ok(frame.bytes.length > 0)
    break
  }
})
