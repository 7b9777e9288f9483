// Goal: what is no camera is refused as openCapture() does; with a camera tests/kernel/camera-job.test.ts tries it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openDevice } from '#src/cli/roles/device-feed.js'

const options = {
  ...{ picture: {}, framesPerSecond: undefined, memory: undefined },
  ...{ frames: undefined, buffers: 8 },
}

test('openDevice refuses what is no camera', async () => {
  await assert.rejects(openDevice({ device: '/dev/null', ...options }), {
    code: 'EINVAL',
    message: /\/dev\/null is no video device/,
  })
  await assert.rejects(openDevice({ device: '/nonexistent', ...options }), { code: 'ENOENT' })
})
