// Goal: numbers and layouts of linux/videodev2.h that move buffers to and from a driver.
// Method: the C compiler's view of the system's header; where each member lies is found through our codecs.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as uapi from '#src/uapi/videodev2-buffers.js'
import { assertLayout, offsetsOf, uapiLayout } from '../helpers/uapi-layout.js'

const SOURCE = 'uapi-layout-v4l2.c'

const buffer = {
  index: 3,
  type: 1,
  bytesUsed: 460_800,
  flags: 0x2001,
  field: 1,
  seconds: 2n ** 40n,
  microseconds: 999_999n,
  sequence: 77,
  memory: 4,
  fdOrOffset: 21,
  length: 462_848,
}
const plane = { bytesUsed: 1, lengthBytes: 2, fdOrOffset: 3, dataOffsetBytes: 4 }

test('The ioctl numbers of buffers are those of every 64-bit Linux', () => {
  assert.equal(uapi.VIDIOC_REQBUFS, 0xc0145608)
  assert.equal(uapi.VIDIOC_QUERYBUF, 0xc0585609)
  assert.equal(uapi.VIDIOC_QBUF, 0xc058560f)
  assert.equal(uapi.VIDIOC_EXPBUF, 0xc0405610)
  assert.equal(uapi.VIDIOC_DQBUF, 0xc0585611)
  assert.equal(uapi.VIDIOC_STREAMON, 0x40045612)
  assert.equal(uapi.VIDIOC_STREAMOFF, 0x40045613)
  assert.deepEqual([...uapi.encodeQueueType(9)], [9, 0, 0, 0])
})

test('Every constant has the value of the header', (t) => {
  const layout = uapiLayout(t, SOURCE)
  if (layout === undefined) return
  const ours = Object.entries(uapi).filter(([name]) => /^V[A-Z0-9_]+$/.test(name))
  const constants = ours.filter(([name]) => !/_(BYTES|OFFSET)$/.test(name))
  assert.ok(constants.length > 15)
  assertLayout(layout, Object.fromEntries(constants) as Record<string, number>)
  assertLayout(layout, {
    v4l2_requestbuffers: uapi.V4L2_REQUESTBUFFERS_BYTES,
    v4l2_plane: uapi.V4L2_PLANE_BYTES,
    v4l2_buffer: uapi.V4L2_BUFFER_BYTES,
    v4l2_exportbuffer: uapi.V4L2_EXPORTBUFFER_BYTES,
    'v4l2_buffer.m.planes': uapi.V4L2_BUFFER_PLANES_OFFSET,
  })
})

test('v4l2_requestbuffers lies as documented', (t) => {
  const zero = { count: 0, type: 0, memory: 0, capabilities: 0 }
  const offsets = offsetsOf(uapi.encodeRequestBuffers, zero)
  const request = { count: 4, type: 1, memory: 4, capabilities: 0x1d }
  assert.deepEqual(uapi.decodeRequestBuffers(uapi.encodeRequestBuffers(request)), request)
  const layout = uapiLayout(t, SOURCE)
  if (layout === undefined) return
  for (const [name, offset] of Object.entries(offsets))
    assert.equal(offset, layout.get(`v4l2_requestbuffers.${name}`), name)
})

test('v4l2_buffer lies as documented', (t) => {
  const zero = {
    ...buffer,
    ...Object.fromEntries(Object.keys(buffer).map((name) => [name, 0])),
    seconds: 0n,
    microseconds: 0n,
  }
  const offsets = offsetsOf(uapi.encodeBuffer, zero)
  assert.deepEqual(uapi.decodeBuffer(uapi.encodeBuffer(buffer)), buffer)
  const layout = uapiLayout(t, SOURCE)
  if (layout === undefined) return
  assertLayout(layout, {
    'v4l2_buffer.index': offsets.index,
    'v4l2_buffer.type': offsets.type,
    'v4l2_buffer.bytesused': offsets.bytesUsed,
    'v4l2_buffer.flags': offsets.flags,
    'v4l2_buffer.field': offsets.field,
    'v4l2_buffer.timestamp.tv_sec': offsets.seconds,
    'v4l2_buffer.timestamp.tv_usec': offsets.microseconds,
    'v4l2_buffer.sequence': offsets.sequence,
    'v4l2_buffer.memory': offsets.memory,
    'v4l2_buffer.m.fd': offsets.fdOrOffset,
    'v4l2_buffer.m.offset': offsets.fdOrOffset,
    'v4l2_buffer.length': offsets.length,
  })
})

test('v4l2_plane lies as documented, one after another', (t) => {
  const zero = { bytesUsed: 0, lengthBytes: 0, fdOrOffset: 0, dataOffsetBytes: 0 }
  const offsets = offsetsOf((value) => uapi.encodeBufferPlanes([value]), zero)
  const second = { ...plane, fdOrOffset: 9 }
  const bytes = uapi.encodeBufferPlanes([plane, second])
  assert.equal(bytes.length, 128)
  assert.deepEqual(uapi.decodeBufferPlane(bytes), plane)
  assert.deepEqual(uapi.decodeBufferPlane(bytes, 1), second)
  assert.throws(() => uapi.decodeBufferPlane(bytes, 2), RangeError)
  const layout = uapiLayout(t, SOURCE)
  if (layout === undefined) return
  assertLayout(layout, {
    'v4l2_plane.bytesused': offsets.bytesUsed,
    'v4l2_plane.length': offsets.lengthBytes,
    'v4l2_plane.m.fd': offsets.fdOrOffset,
    'v4l2_plane.m.mem_offset': offsets.fdOrOffset,
    'v4l2_plane.data_offset': offsets.dataOffsetBytes,
  })
})

test('v4l2_exportbuffer lies as documented', (t) => {
  const zero = { type: 0, index: 0, plane: 0, flags: 0, fd: 0 }
  const offsets = offsetsOf(uapi.encodeExportBuffer, zero)
  const request = { type: 9, index: 2, plane: 1, flags: 0o2000002, fd: -1 }
  assert.deepEqual(uapi.decodeExportBuffer(uapi.encodeExportBuffer(request)), request)
  const layout = uapiLayout(t, SOURCE)
  if (layout === undefined) return
  for (const [name, offset] of Object.entries(offsets))
    assert.equal(offset, layout.get(`v4l2_exportbuffer.${name}`), name)
})
