// Goal: numbers and layouts of drm/drm.h, as far as buffers need them.
// Method: whole numbers from the kernel's documentation, and the C compiler's view of the headers where there are any.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as uapi from '#src/uapi/drm.js'
import { assertLayout, offsetsOf, uapiLayout } from '../helpers/uapi-layout.js'

test('The ioctl numbers of DRM are those of every Linux', () => {
  assert.equal(uapi.DRM_IOCTL_VERSION, 0xc0406400)
  assert.equal(uapi.DRM_IOCTL_GEM_CLOSE, 0x40086409)
  assert.equal(uapi.DRM_IOCTL_GET_CAP, 0xc010640c)
  assert.equal(uapi.DRM_IOCTL_PRIME_HANDLE_TO_FD, 0xc00c642d)
  assert.equal(uapi.DRM_IOCTL_PRIME_FD_TO_HANDLE, 0xc00c642e)
})

test('The structures of DRM lie as documented', () => {
  const version = { major: 0, minor: 0, patchLevel: 0, nameBytes: 0n }
  assert.deepEqual(offsetsOf(uapi.encodeDrmVersion, version), {
    major: 0,
    minor: 4,
    patchLevel: 8,
    nameBytes: 16,
  })
  const cap = offsetsOf(uapi.encodeDrmCap, { capability: 0n, value: 0n })
  assert.deepEqual(cap, { capability: 0, value: 8 })
  const close = offsetsOf(uapi.encodeDrmGemClose, { handle: 0, pad: 0 })
  assert.deepEqual(close, { handle: 0, pad: 4 })
  const prime = offsetsOf(uapi.encodeDrmPrimeHandle, { handle: 0, flags: 0, fd: 0 })
  assert.deepEqual(prime, { handle: 0, flags: 4, fd: 8 })
})

test('Numbers and layouts are those of drm.h', (t) => {
  const layout = uapiLayout(t, 'uapi-layout-drm.c')
  if (layout === undefined) return
  const { DRM_CLOEXEC, DRM_RDWR, DRM_CAP_DUMB_BUFFER, DRM_CAP_PRIME, DRM_CAP_SYNCOBJ } = uapi
  const { DRM_CAP_SYNCOBJ_TIMELINE, DRM_PRIME_CAP_IMPORT, DRM_PRIME_CAP_EXPORT } = uapi
  const { DRM_IOCTL_VERSION, DRM_IOCTL_GEM_CLOSE, DRM_IOCTL_GET_CAP } = uapi
  const { DRM_IOCTL_PRIME_HANDLE_TO_FD, DRM_IOCTL_PRIME_FD_TO_HANDLE } = uapi
  assertLayout(layout, { DRM_CLOEXEC, DRM_RDWR, DRM_CAP_DUMB_BUFFER, DRM_CAP_PRIME })
  assertLayout(layout, { DRM_CAP_SYNCOBJ, DRM_CAP_SYNCOBJ_TIMELINE })
  assertLayout(layout, { DRM_PRIME_CAP_IMPORT, DRM_PRIME_CAP_EXPORT, DRM_IOCTL_VERSION })
  assertLayout(layout, { DRM_IOCTL_GEM_CLOSE, DRM_IOCTL_GET_CAP })
  assertLayout(layout, { DRM_IOCTL_PRIME_HANDLE_TO_FD, DRM_IOCTL_PRIME_FD_TO_HANDLE })
  assertLayout(layout, {
    drm_version: uapi.DRM_VERSION_BYTES,
    'drm_version.version_major': 0,
    'drm_version.version_minor': 4,
    'drm_version.version_patchlevel': 8,
    'drm_version.name_len': 16,
    'drm_version.name': uapi.DRM_VERSION_NAME_OFFSET,
    drm_get_cap: uapi.DRM_GET_CAP_BYTES,
    'drm_get_cap.capability': 0,
    'drm_get_cap.value': 8,
    drm_gem_close: uapi.DRM_GEM_CLOSE_BYTES,
    'drm_gem_close.handle': 0,
    'drm_gem_close.pad': 4,
    drm_prime_handle: uapi.DRM_PRIME_HANDLE_BYTES,
    'drm_prime_handle.handle': 0,
    'drm_prime_handle.flags': 4,
    'drm_prime_handle.fd': 8,
  })
})

test('Each structure of DRM comes back as it was encoded', () => {
  const version = { major: -1, minor: 2, patchLevel: 3, nameBytes: 2n ** 63n }
  assert.deepEqual(uapi.decodeDrmVersion(uapi.encodeDrmVersion(version)), version)
  const cap = { capability: 2n ** 63n, value: 1n }
  assert.deepEqual(uapi.decodeDrmCap(uapi.encodeDrmCap(cap)), cap)
  const prime = { handle: 0xffffffff, flags: 3, fd: -1 }
  assert.deepEqual(uapi.decodeDrmPrimeHandle(uapi.encodeDrmPrimeHandle(prime)), prime)
})
