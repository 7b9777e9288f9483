// Goal: numbers and layouts of drm/drm_mode.h, as far as dumb buffers need them.
// Method: whole numbers from the kernel's documentation, and the C compiler's view of the headers where there are any.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as uapi from '#src/uapi/drm-mode.js'
import { assertLayout, offsetsOf, uapiLayout } from '../helpers/uapi-layout.js'

const DUMB = {
  height: 0,
  width: 0,
  bitsPerPixel: 0,
  flags: 0,
  handle: 0,
  pitchBytes: 0,
  lengthBytes: 0n,
}

test('The ioctl numbers of dumb buffers are those of every Linux', () => {
  assert.equal(uapi.DRM_IOCTL_MODE_CREATE_DUMB, 0xc02064b2)
  assert.equal(uapi.DRM_IOCTL_MODE_MAP_DUMB, 0xc01064b3)
  assert.equal(uapi.DRM_IOCTL_MODE_DESTROY_DUMB, 0xc00464b4)
})

test('The structures of dumb buffers lie as documented, and as drm_mode.h says', (t) => {
  const dumb = offsetsOf(uapi.encodeDrmCreateDumb, DUMB)
  const expected = { height: 0, width: 4, bitsPerPixel: 8, flags: 12, handle: 16, pitchBytes: 20 }
  assert.deepEqual(dumb, { ...expected, lengthBytes: 24 })
  const map = offsetsOf(uapi.encodeDrmMapDumb, { handle: 0, pad: 0, offsetBytes: 0n })
  assert.deepEqual(map, { handle: 0, pad: 4, offsetBytes: 8 })
  assert.deepEqual(offsetsOf(uapi.encodeDrmDestroyDumb, { handle: 0 }), { handle: 0 })
  const layout = uapiLayout(t, 'uapi-layout-drm.c')
  if (layout === undefined) return
  assertLayout(layout, {
    DRM_IOCTL_MODE_CREATE_DUMB: uapi.DRM_IOCTL_MODE_CREATE_DUMB,
    DRM_IOCTL_MODE_MAP_DUMB: uapi.DRM_IOCTL_MODE_MAP_DUMB,
    DRM_IOCTL_MODE_DESTROY_DUMB: uapi.DRM_IOCTL_MODE_DESTROY_DUMB,
    drm_mode_create_dumb: uapi.DRM_MODE_CREATE_DUMB_BYTES,
    'drm_mode_create_dumb.height': dumb.height,
    'drm_mode_create_dumb.width': dumb.width,
    'drm_mode_create_dumb.bpp': dumb.bitsPerPixel,
    'drm_mode_create_dumb.flags': dumb.flags,
    'drm_mode_create_dumb.handle': dumb.handle,
    'drm_mode_create_dumb.pitch': dumb.pitchBytes,
    'drm_mode_create_dumb.size': dumb.lengthBytes,
    drm_mode_map_dumb: uapi.DRM_MODE_MAP_DUMB_BYTES,
    'drm_mode_map_dumb.handle': map.handle,
    'drm_mode_map_dumb.pad': map.pad,
    'drm_mode_map_dumb.offset': map.offsetBytes,
    drm_mode_destroy_dumb: uapi.DRM_MODE_DESTROY_DUMB_BYTES,
    'drm_mode_destroy_dumb.handle': 0,
  })
})

test('Each structure of dumb buffers comes back as it was encoded', () => {
  const dumb = { ...DUMB, height: 1, width: 0xffffffff, handle: 3, lengthBytes: 2n ** 40n }
  assert.deepEqual(uapi.decodeDrmCreateDumb(uapi.encodeDrmCreateDumb(dumb)), dumb)
  const map = { handle: 1, pad: 2, offsetBytes: 2n ** 40n }
  assert.deepEqual(uapi.decodeDrmMapDumb(uapi.encodeDrmMapDumb(map)), map)
})
