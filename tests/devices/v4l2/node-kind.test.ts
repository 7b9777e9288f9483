// Goal: only what gives pictures is a camera.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { captureType, nodeKind } from '#src/devices/v4l2/node-kind.js'
import * as uapi from '#src/uapi/videodev2.js'

const { V4L2_CAP_STREAMING: STREAMING, V4L2_CAP_VIDEO_CAPTURE: CAPTURE } = uapi
const MPLANE = uapi.V4L2_CAP_VIDEO_CAPTURE_MPLANE

test('nodeKind tells cameras from what else has such nodes', () => {
  assert.equal(nodeKind(CAPTURE | STREAMING), 'camera')
  assert.equal(nodeKind(CAPTURE | uapi.V4L2_CAP_TOUCH), 'touch')
  assert.equal(nodeKind(uapi.V4L2_CAP_VIDEO_M2M_MPLANE | STREAMING), 'converter')
  assert.equal(nodeKind(uapi.V4L2_CAP_META_CAPTURE), 'metadata')
  assert.equal(nodeKind(uapi.V4L2_CAP_VIDEO_OUTPUT), 'output')
  assert.equal(nodeKind(uapi.V4L2_CAP_VBI_CAPTURE | uapi.V4L2_CAP_SLICED_VBI_CAPTURE), 'vbi')
  assert.equal(nodeKind(uapi.V4L2_CAP_RADIO), 'radio')
  assert.equal(nodeKind(uapi.V4L2_CAP_SDR_CAPTURE), 'radio')
  assert.equal(nodeKind(STREAMING), 'other')
})

test('captureType is the queue of a camera, and nothing for the others', () => {
  assert.equal(captureType(CAPTURE | STREAMING), 1)
  assert.equal(captureType(MPLANE | STREAMING), 9)
  assert.equal(captureType(CAPTURE), undefined)
  assert.equal(captureType(CAPTURE | STREAMING | uapi.V4L2_CAP_TOUCH), undefined)
  assert.equal(captureType(uapi.V4L2_CAP_META_CAPTURE | STREAMING), undefined)
})
