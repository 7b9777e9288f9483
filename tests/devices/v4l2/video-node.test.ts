// Goal: what is no video device is refused in one line, and nothing of it stays open.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VideoNode } from '#src/devices/v4l2/video-node.js'
import { openFds } from '../../helpers/leaks.js'

test('VideoNode refuses what is no video device', () => {
  const before = openFds().length
  for (const path of ['/dev/null', '/dev/zero'])
    assert.throws(() => new VideoNode(path), {
      code: 'EINVAL',
      message: `EINVAL: ${path} is no video device`,
    })
  assert.equal(openFds().length, before)
})

test('VideoNode says what is missing', () => {
  assert.throws(() => new VideoNode('/dev/video-none'), { code: 'ENOENT', message: /--device/ })
})
