// Goal: a camera is set to what was asked, or it is left alone and what it offers is said.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFormat, setFrameRate } from '#src/devices/v4l2/set-format.js'
import { fourccNumber } from '#src/uapi/videodev2.js'
import { VIDIOC_G_PARM, VIDIOC_S_FMT } from '#src/uapi/videodev2-formats.js'
import { FakeCamera } from '../../helpers/fake-camera.js'

const CAPTURE = 1

test('setFormat sets the format and the size, and takes the strides that the driver chose', () => {
  using camera = new FakeCamera()
  const got = setFormat(camera.node, CAPTURE, { fourcc: 'YUYV', width: 320, height: 160 })
  assert.deepEqual([got.width, got.height], [320, 160])
  assert.equal(got.pixelFormat, fourccNumber('YUYV'))
  assert.equal(got.pieces[0]?.bytesPerLine, 672)
})

test('setFormat leaves what is not asked as it is', () => {
  using camera = new FakeCamera()
  const got = setFormat(camera.node, CAPTURE, {})
  assert.deepEqual([got.width, got.height, got.pixelFormat], [64, 32, fourccNumber('NV12')])
})

test('setFormat refuses another format with what is offered', () => {
  using camera = new FakeCamera()
  assert.throws(() => setFormat(camera.node, CAPTURE, { fourcc: 'MJPG' }), {
    code: 'EINVAL',
    message: 'EINVAL: /dev/video-fake does not give MJPG: it offers NV12, YUYV',
  })
})

test('setFormat refuses another size with the nearest, and changes nothing', () => {
  using camera = new FakeCamera()
  assert.throws(() => setFormat(camera.node, CAPTURE, { width: 100, height: 32 }), {
    code: 'EINVAL',
    message: /nearest are 96x32/,
  })
  assert.equal(setFormat(camera.node, CAPTURE, {}).width, 64)
})

test('setFormat says what the driver says', () => {
  using camera = new FakeCamera()
  camera.failures.set(VIDIOC_S_FMT, 'EBUSY')
  assert.throws(() => setFormat(camera.node, CAPTURE, {}), { code: 'EBUSY' })
})

test('setFrameRate sets a rate, or only tells it', () => {
  using camera = new FakeCamera()
  const format = setFormat(camera.node, CAPTURE, {})
  assert.equal(setFrameRate(camera.node, CAPTURE, { framesPerSecond: undefined, format }), 30)
  assert.equal(setFrameRate(camera.node, CAPTURE, { framesPerSecond: 15, format }), 15)
  assert.equal(setFrameRate(camera.node, CAPTURE, { framesPerSecond: undefined, format }), 15)
})

test('setFrameRate refuses another rate with what is offered', () => {
  using camera = new FakeCamera()
  const format = setFormat(camera.node, CAPTURE, {})
  assert.throws(() => setFrameRate(camera.node, CAPTURE, { framesPerSecond: 20, format }), {
    code: 'EINVAL',
    message: /it offers 30, 15/,
  })
})

test('setFrameRate does not mind a driver that has none, unless one is asked for', () => {
  using camera = new FakeCamera()
  const format = setFormat(camera.node, CAPTURE, {})
  camera.failures.set(VIDIOC_G_PARM, 'ENOTTY')
  const none = { framesPerSecond: undefined, format }
  assert.equal(setFrameRate(camera.node, CAPTURE, none), undefined)
  camera.failures.set(VIDIOC_G_PARM, 'ENOTTY')
  const wanted = { framesPerSecond: 30, format }
  assert.throws(() => setFrameRate(camera.node, CAPTURE, wanted), { code: 'EINVAL' })
})
