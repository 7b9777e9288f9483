// Goal: what a machine has for video is asked, not guessed.
// Method: machines in folders; real drivers are in tests/kernel.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Struct } from '#src/uapi/struct.js'
import * as uapi from '#src/uapi/videodev2.js'
import { describeVideo, probeVideo, videoPaths } from '#src/linux/probe/video.js'
import { addDeadNode, fakeMachine } from '../../helpers/fake-machine.js'
import { openFds } from '../../helpers/leaks.js'

test('videoPaths: all nodes, or the first where there is none', () => {
  using machine = fakeMachine({ '/dev/video2': '', '/dev/video10': '' })
  assert.deepEqual(videoPaths(machine.look()), ['/dev/video2', '/dev/video10'])
  using empty = fakeMachine()
  assert.deepEqual(videoPaths(empty.look()), ['/dev/video0'])
})

test('probeVideo: a node that is no video device says so, and is closed', async () => {
  using machine = fakeMachine()
  addDeadNode(machine, '/dev/video0')
  const before = openFds()
  const { reason } = await probeVideo('/dev/video0', machine.look())
  assert.match(reason ?? '', /no video device/)
  assert.deepEqual(openFds(), before)
})

test('probeVideo: without a camera there is one for tests', async () => {
  using machine = fakeMachine()
  assert.match((await probeVideo('/dev/video0', machine.look())).fix ?? '', /modprobe vivid/)
})

for (const [what, caps, reason] of [
  ['a camera', uapi.V4L2_CAP_VIDEO_CAPTURE | uapi.V4L2_CAP_STREAMING, undefined],
  ['a converter', uapi.V4L2_CAP_VIDEO_M2M | uapi.V4L2_CAP_STREAMING, /is no camera/],
  ['a converter with planes', uapi.V4L2_CAP_VIDEO_M2M_MPLANE, /is no camera/],
  ['metadata', uapi.V4L2_CAP_META_CAPTURE | uapi.V4L2_CAP_STREAMING, /gives no pictures/],
  ['what can only be read', uapi.V4L2_CAP_VIDEO_CAPTURE, /read\(\) only/],
] as const)
  test(`describeVideo: ${what}`, () => {
    const answer = new Struct(new Uint8Array(uapi.V4L2_CAPABILITY_BYTES))
    answer.setName(0, 'driver').setName(16, 'Card').setU32(84, uapi.V4L2_CAP_DEVICE_CAPS)
    answer.setU32(88, caps)
    const found = describeVideo('/dev/video0', answer.bytes)
    assert.match(found.detail, /^Card \(driver\)/)
    if (reason === undefined) assert.equal(found.reason, undefined)
    else assert.match(found.reason ?? '', reason)
  })
