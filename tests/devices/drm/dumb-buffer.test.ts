// Goal: a dumb buffer is a buffer of ours, its handle is given back at once, and sizes are checked.
// Method: a driver that makes them of memfds; descriptors and handles are counted.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DrmNode } from '#src/devices/drm/drm-node.js'
import { createDumbBuffer } from '#src/devices/drm/dumb-buffer.js'
import { GemHandles } from '#src/devices/drm/gem-handles.js'
import { DRM_IOCTL_PRIME_HANDLE_TO_FD } from '#src/uapi/drm.js'
import { thrownCode } from '../../helpers/error-code.js'
import { FAKE_NODE, FakeDrm } from '../../helpers/fake-drm.js'
import { openFds } from '../../helpers/leaks.js'

test('createDumbBuffer says how the pixels lie, and keeps no handle', () => {
  using fake = new FakeDrm()
  using node = new DrmNode(FAKE_NODE)
  const before = openFds().length
  const made = createDumbBuffer(node, new GemHandles(node), { width: 1000, height: 3 })
  assert.deepEqual(
    [made.pitchBytes, made.lengthBytes, made.buffer.lengthBytes],
    [4000, 12288, 12288],
  )
  assert.equal(fake.handles.size, 0)
  made.buffer.close()
  assert.equal(openFds().length, before)
})

test('createDumbBuffer gives the handle back where the export fails', () => {
  using fake = new FakeDrm()
  using node = new DrmNode(FAKE_NODE)
  fake.refusals.set(DRM_IOCTL_PRIME_HANDLE_TO_FD, 24)
  const before = openFds().length
  const make = (): unknown => createDumbBuffer(node, new GemHandles(node), { width: 8, height: 8 })
  assert.equal(thrownCode(make), 'EMFILE')
  assert.equal(fake.handles.size, 0)
  assert.equal(openFds().length, before)
})

test('createDumbBuffer refuses what is no size with RangeError, and what is too large with ENOMEM', () => {
  using _fake = new FakeDrm()
  using node = new DrmNode(FAKE_NODE)
  const handles = new GemHandles(node)
  const good = { width: 8, height: 8, bitsPerPixel: 32 }
  for (const key of ['width', 'height', 'bitsPerPixel'])
    for (const value of [0, -1, 1.5, NaN, 2 ** 32, '8'])
      assert.throws(() => createDumbBuffer(node, handles, { ...good, [key]: value }), RangeError)
  const limited = { ...good, height: 129, maxLengthBytes: 4096 }
  assert.equal(
    thrownCode(() => createDumbBuffer(node, handles, limited)),
    'ENOMEM',
  )
  const huge = { width: 2 ** 32 - 1, height: 2 ** 32 - 1 }
  assert.equal(
    thrownCode(() => createDumbBuffer(node, handles, huge)),
    'ENOMEM',
  )
})
