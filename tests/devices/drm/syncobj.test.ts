// Goal: syncobjs ask the driver for what was meant, and check points.
// Method: a driver of the test's that notes what it is asked; what comes of it is in tests/kernel.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTimeline } from '#src/core/fence/timeline.js'
import { openDrm } from '#src/devices/drm/drm-device.js'
import { native } from '#src/linux/native.js'
import { OwnedFd } from '#src/linux/owned-fd.js'
import * as uapi from '#src/uapi/drm-syncobj.js'
import { errorCode, thrownCode } from '../../helpers/error-code.js'
import { FAKE_NODE, FakeDrm } from '../../helpers/fake-drm.js'
import { openFds } from '../../helpers/leaks.js'

test('Syncobj signals, resets and asks as a box, or at a point', () => {
  using fake = new FakeDrm()
  using device = openDrm(FAKE_NODE)
  using syncobj = device.createSyncobj()
  const { handle } = syncobj
  syncobj.signal()
  syncobj.signal(0n)
  syncobj.signal(7n)
  syncobj.reset()
  assert.equal(syncobj.query(), 0n)
  assert.deepEqual(fake.syncobjCalls, [
    [uapi.DRM_IOCTL_SYNCOBJ_SIGNAL, handle, 0n],
    [uapi.DRM_IOCTL_SYNCOBJ_SIGNAL, handle, 0n],
    [uapi.DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, handle, 7n],
    [uapi.DRM_IOCTL_SYNCOBJ_RESET, handle, 0n],
    [uapi.DRM_IOCTL_SYNCOBJ_QUERY, handle, 0n],
  ])
})

test('Syncobj refuses what is no point with RangeError', async () => {
  using _fake = new FakeDrm()
  using device = openDrm(FAKE_NODE)
  using syncobj = device.createSyncobj()
  for (const wrong of [-1n, 2n ** 64n, 5 as never, NaN as never, '1' as never]) {
    assert.throws(() => syncobj.signal(wrong), RangeError)
    assert.throws(() => syncobj.exportSyncFile(wrong), RangeError)
    await assert.rejects(syncobj.wait({ point: wrong }), RangeError)
  }
})

test('Syncobj.importSyncFile asks the kernel for no fence of this program [FENCE-41]', () => {
  using fake = new FakeDrm()
  using device = openDrm(FAKE_NODE)
  using syncobj = device.createSyncobj()
  using timeline = createTimeline('user')
  const fence = timeline.fence(1) as never
  assert.throws(() => syncobj.importSyncFile(fence), { code: 'EINVAL', rule: 'FENCE-41' })
  assert.throws(() => syncobj.importSyncFile(fence, 3n), { code: 'EINVAL', rule: 'FENCE-41' })
  assert.deepEqual(fake.syncobjCalls, [])
})

test('Syncobj.wait gives up in time, and leaves nothing open; an old kernel is refused', async () => {
  using fake = new FakeDrm()
  using device = openDrm(FAKE_NODE)
  using syncobj = device.createSyncobj()
  const before = openFds().length
  assert.equal(await errorCode(() => syncobj.wait({ timeoutMs: 1 })), 'ETIMEDOUT')
  const signal = AbortSignal.abort(new Error('enough'))
  await assert.rejects(syncobj.wait({ signal, point: 4n }), /enough/)
  fake.refusals.set(uapi.DRM_IOCTL_SYNCOBJ_EVENTFD, 22)
  await assert.rejects(syncobj.wait(), /EINVAL: Cannot wait for a syncobj \(Linux 6\.6\)/)
  // Not asked at all: it would remember the wait.
  await assert.rejects(syncobj.wait({ signal }), /enough/)
  await assert.rejects(syncobj.wait({ timeoutMs: -1 }), RangeError)
  assert.equal(openFds().length, before)
})

test('Syncobj.close gives the handle back once, and not to a closed device', () => {
  using fake = new FakeDrm()
  const device = openDrm(FAKE_NODE)
  const one = device.createSyncobj()
  const two = device.createSyncobj()
  one.close()
  one.close()
  assert.equal(
    thrownCode(() => one.signal()),
    'EBADF',
  )
  assert.equal(
    thrownCode(() => one.handle),
    'EBADF',
  )
  assert.equal(fake.syncobjs.size, 1)
  device.close()
  two[Symbol.dispose]()
  assert.equal(
    thrownCode(() => two.export()),
    'EBADF',
  )
  assert.equal(fake.syncobjCalls.length, 1)
})

test('importSyncobj closes what it is given, whatever the driver says', () => {
  using fake = new FakeDrm()
  using device = openDrm(FAKE_NODE)
  fake.refusals.set(uapi.DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, 22)
  const fd = OwnedFd.adopt(native().memfd('dmabuf:test', 0))
  assert.equal(
    thrownCode(() => device.importSyncobj(fd)),
    'EINVAL',
  )
  assert.equal(fd.closed, true)
})

for (const what of ['syncobj', 'device'] as const)
  test(`Who waits when the ${what} is closed is told, and nothing stays open`, async () => {
    using fake = new FakeDrm()
    const device = openDrm(FAKE_NODE)
    const syncobj = device.createSyncobj()
    using other = device.createSyncobj()
    const before = openFds().length
    const waits = [syncobj.wait(), syncobj.wait({ point: 3n }), syncobj.wait({ available: true })]
    const told = waits.map((wait) => assert.rejects(wait, { code: 'EBADF' }))
    const stays = other.wait({ timeoutMs: what === 'device' ? 20_000 : 1 })
    const late = assert.rejects(stays, { code: what === 'device' ? 'EBADF' : 'ETIMEDOUT' })
    if (what === 'device') device.close()
    else syncobj.close()
    await Promise.all([...told, late])
    assert.equal(openFds().length, what === 'device' ? before - 1 : before)
    assert.ok(fake.syncobjCalls.length > 0)
    device.close()
  })
