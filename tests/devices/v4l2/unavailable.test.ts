// Goal: a bundle for a place without Node links, and fails only where it is used.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as v4l2 from '#src/devices/v4l2/index.js'
import * as unavailable from '#src/devices/v4l2/unavailable.js'

test('unavailable exports the names of dmabuf/devices/v4l2', () => {
  assert.deepEqual(Object.keys(unavailable).sort(), Object.keys(v4l2).sort())
})

test('every function of unavailable throws ERR_DMABUF_NATIVE_UNAVAILABLE', () => {
  for (const standIn of Object.values(unavailable) as ((this: void) => never)[])
    assert.throws(() => standIn(), { code: 'ERR_DMABUF_NATIVE_UNAVAILABLE' })
})
