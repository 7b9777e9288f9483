// Goal: what a camera offers is listed to its end, and a list without end is left.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { frameRates, offeredFormats } from '#src/devices/v4l2/node-formats.js'
import type { VideoNode } from '#src/devices/v4l2/video-node.js'
import { FakeCamera } from '../../helpers/fake-camera.js'

test('offeredFormats lists formats with their sizes', () => {
  using camera = new FakeCamera()
  const formats = offeredFormats(camera.node, 1)
  assert.deepEqual(
    formats.map(({ fourcc, description }) => [fourcc, description]),
    [
      ['NV12', 'Format NV12'],
      ['YUYV', 'Format YUYV'],
    ],
  )
  const side = { minWidth: 16, maxWidth: 640, stepWidth: 16 }
  assert.deepEqual(formats[0]?.sizes, [{ ...side, minHeight: 16, maxHeight: 640, stepHeight: 16 }])
})

test('frameRates lists them, the most first', () => {
  using camera = new FakeCamera()
  assert.deepEqual(frameRates(camera.node, { pixelFormat: 1, width: 64, height: 32 }), [30, 15])
})

test('A driver that never ends its list is left alone', () => {
  const endless = { try: () => undefined } as unknown as VideoNode
  assert.equal(offeredFormats(endless, 1).length, 256)
})
