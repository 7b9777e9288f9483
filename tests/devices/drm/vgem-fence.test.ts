// Goal: fences of vgem are asked of vgem only, signalled once, and hold no handle.
// Method: a driver of the test's under two names.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openDrm } from '#src/devices/drm/drm-device.js'
import { DRM_IOCTL_VGEM_FENCE_ATTACH, DRM_IOCTL_VGEM_FENCE_SIGNAL } from '#src/uapi/vgem.js'
import { thrownCode } from '../../helpers/error-code.js'
import { FAKE_NODE, FakeDrm } from '../../helpers/fake-drm.js'

test('attachVgemFence says whether readers wait, keeps no handle, and dispose signals once [VG-1]', () => {
  using fake = new FakeDrm()
  using device = openDrm(FAKE_NODE)
  using buffer = device.createDumb({ width: 4, height: 4 }).buffer
  const read = device.attachVgemFence(buffer)
  const write = device.attachVgemFence(buffer, { write: true })
  assert.deepEqual(
    fake.attached.map(({ flags }) => flags),
    [0, 1],
  )
  assert.equal(fake.handles.size, 0)
  write.signal()
  write[Symbol.dispose]()
  read[Symbol.dispose]()
  read[Symbol.dispose]()
  assert.deepEqual(fake.signaled, [2, 1])
})

test('attachVgemFence asks no other driver: the number means something else there', () => {
  using fake = new FakeDrm()
  fake.driverName = 'i915'
  using device = openDrm(FAKE_NODE)
  using buffer = device.createDumb({ width: 4, height: 4 }).buffer
  assert.equal(
    thrownCode(() => device.attachVgemFence(buffer)),
    'ENOTTY',
  )
  assert.deepEqual(fake.attached, [])
})

test('A conflict is EBUSY and leaves no handle; what is over stays quiet when disposed [VG-1, VG-2]', () => {
  using fake = new FakeDrm()
  const device = openDrm(FAKE_NODE)
  using buffer = device.createDumb({ width: 4, height: 4 }).buffer
  const late = device.attachVgemFence(buffer)
  const never = device.attachVgemFence(buffer)
  fake.refusals.set(DRM_IOCTL_VGEM_FENCE_ATTACH, 16)
  assert.equal(
    thrownCode(() => device.attachVgemFence(buffer)),
    'EBUSY',
  )
  assert.equal(fake.handles.size, 0)
  fake.refusals.set(DRM_IOCTL_VGEM_FENCE_SIGNAL, 110)
  late[Symbol.dispose]()
  device.close()
  never[Symbol.dispose]()
  assert.equal(
    thrownCode(() => never.signal()),
    'EBADF',
  )
})
