// Goal: numbers and layouts of drm/vgem_drm.h.
// Method: whole numbers from the kernel's documentation, and the C compiler's view of the headers where there are any.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as uapi from '#src/uapi/vgem.js'
import { assertLayout, offsetsOf, uapiLayout } from '../helpers/uapi-layout.js'

test('Numbers and layouts of the fences of vgem are as documented, and as vgem_drm.h says [VG-1, VG-2]', (t) => {
  assert.equal(uapi.DRM_IOCTL_VGEM_FENCE_ATTACH, 0xc0106441)
  assert.equal(uapi.DRM_IOCTL_VGEM_FENCE_SIGNAL, 0x40086442)
  const attach = offsetsOf(uapi.encodeVgemFenceAttach, { handle: 0, flags: 0, fence: 0, pad: 0 })
  assert.deepEqual(attach, { handle: 0, flags: 4, fence: 8, pad: 12 })
  const signal = offsetsOf(uapi.encodeVgemFenceSignal, { fence: 0, flags: 0 })
  assert.deepEqual(signal, { fence: 0, flags: 4 })
  const layout = uapiLayout(t, 'uapi-layout-drm.c')
  if (layout === undefined) return
  assertLayout(layout, {
    DRM_IOCTL_VGEM_FENCE_ATTACH: uapi.DRM_IOCTL_VGEM_FENCE_ATTACH,
    DRM_IOCTL_VGEM_FENCE_SIGNAL: uapi.DRM_IOCTL_VGEM_FENCE_SIGNAL,
    VGEM_FENCE_WRITE: uapi.VGEM_FENCE_WRITE,
    drm_vgem_fence_attach: uapi.VGEM_FENCE_ATTACH_BYTES,
    'drm_vgem_fence_attach.handle': attach.handle,
    'drm_vgem_fence_attach.flags': attach.flags,
    'drm_vgem_fence_attach.out_fence': attach.fence,
    'drm_vgem_fence_attach.pad': attach.pad,
    drm_vgem_fence_signal: uapi.VGEM_FENCE_SIGNAL_BYTES,
    'drm_vgem_fence_signal.fence': signal.fence,
    'drm_vgem_fence_signal.flags': signal.flags,
  })
})

test('The attachment of a vgem fence comes back as it was encoded', () => {
  const attach = { handle: 1, flags: 2, fence: 0xffffffff, pad: 4 }
  assert.deepEqual(uapi.decodeVgemFenceAttach(uapi.encodeVgemFenceAttach(attach)), attach)
})
