// Goal: a DRM node is opened, named, called and closed, and what is none is refused.
// Method: /dev/null, with and without a driver behind it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DrmNode } from '#src/devices/drm/drm-node.js'
import { DRM_IOCTL_GEM_CLOSE, encodeDrmGemClose } from '#src/uapi/drm.js'
import { thrownCode } from '../../helpers/error-code.js'
import { FAKE_NODE, FakeDrm } from '../../helpers/fake-drm.js'
import { openFds } from '../../helpers/leaks.js'

test('DrmNode refuses what is no DRM node, and what is not there, and leaves nothing open', () => {
  const before = openFds().length
  assert.throws(() => new DrmNode('/dev/null'), /^DmaBufError: EINVAL: \/dev\/null is no DRM node$/)
  assert.equal(
    thrownCode(() => new DrmNode('/dev/dri/no-such-card')),
    'ENOENT',
  )
  assert.equal(openFds().length, before)
})

test('DrmNode reads name, version and capabilities; a long name is cut', () => {
  using fake = new FakeDrm()
  using node = new DrmNode(FAKE_NODE)
  assert.deepEqual([node.driverName, node.version], ['vgem', '1.2.3'])
  assert.deepEqual([node.capability(5), node.capability(0x13)], [3, 0])
  fake.driverName = 'x'.repeat(100)
  using other = new DrmNode(FAKE_NODE)
  assert.equal(other.driverName.length, 64)
})

test('DrmNode.call says what cannot be done and who refuses, and EBADF after close', () => {
  using fake = new FakeDrm()
  const node = new DrmNode(FAKE_NODE)
  fake.refusals.set(DRM_IOCTL_GEM_CLOSE, 13)
  const bytes = encodeDrmGemClose({ handle: 1, pad: 0 })
  const call = (): void => node.call(DRM_IOCTL_GEM_CLOSE, bytes, 'Cannot')
  assert.throws(call, /EACCES: Cannot: vgem at \/dev\/null refuses$/)
  node.close()
  node.close()
  assert.equal(node.closed, true)
  assert.equal(thrownCode(call), 'EBADF')
})
