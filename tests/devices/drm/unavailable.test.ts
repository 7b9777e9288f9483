// Goal: where there is no Node, dmabuf/devices/drm has the same names, which say so.
// Method: both modules side by side.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as drm from '#src/devices/drm/index.js'
import * as unavailable from '#src/devices/drm/unavailable.js'
import { thrownCode } from '../../helpers/error-code.js'

test('unavailable exports the names of dmabuf/devices/drm, each of which throws', () => {
  assert.deepEqual(Object.keys(unavailable).sort(), Object.keys(drm).sort())
  for (const call of Object.values(unavailable))
    assert.equal(thrownCode(call), 'ERR_DMABUF_NATIVE_UNAVAILABLE')
})
