// Goal: a device says what it can do, and hands out what it makes.
// Method: a driver of the test's; the real ones are in tests/kernel.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openDrm } from '#src/devices/drm/drm-device.js'
import { DRM_CAP_PRIME, DRM_CAP_SYNCOBJ } from '#src/uapi/drm.js'
import { thrownCode } from '../../helpers/error-code.js'
import { FAKE_NODE, FakeDrm } from '../../helpers/fake-drm.js'
import { openFds } from '../../helpers/leaks.js'

test('openDrm tells driver, version and capabilities', () => {
  using fake = new FakeDrm()
  fake.capabilities.set(DRM_CAP_PRIME, 2)
  fake.capabilities.set(DRM_CAP_SYNCOBJ, 1)
  using device = openDrm(FAKE_NODE)
  const { path, driverName, version, capabilities } = device
  assert.deepEqual([path, driverName, version], [FAKE_NODE, 'vgem', '1.2.3'])
  const expected = { imports: false, exports: true, syncobj: true, syncobjTimeline: false }
  assert.deepEqual(capabilities, expected)
})

test('A device makes, imports and orders, and nothing after close', () => {
  using fake = new FakeDrm()
  const before = openFds().length
  const device = openDrm(FAKE_NODE)
  const { buffer } = device.createDumb({ width: 4, height: 4 })
  const imported = device.import(buffer)
  device.attachVgemFence(buffer).signal()
  device.createSyncobj().close()
  assert.equal(fake.handles.size, 1)
  imported.close()
  assert.equal(fake.handles.size, 0)
  device.close()
  device[Symbol.dispose]()
  assert.equal(device.closed, true)
  assert.equal(
    thrownCode(() => device.import(buffer)),
    'EBADF',
  )
  assert.equal(
    thrownCode(() => device.createSyncobj()),
    'EBADF',
  )
  buffer.close()
  assert.equal(openFds().length, before)
})
