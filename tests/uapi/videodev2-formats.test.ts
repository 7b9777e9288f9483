// Goal: numbers and layouts of linux/videodev2.h that say what pictures are, how large and how often.
// Method: the C compiler's view of the system's header; where each member lies is found through our codecs.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as uapi from '#src/uapi/videodev2-formats.js'
import { assertLayout, offsetsOf, uapiLayout } from '../helpers/uapi-layout.js'

const SOURCE = 'uapi-layout-v4l2.c'

const pix = {
  width: 640,
  height: 360,
  pixelFormat: 0x56595559,
  field: 1,
  bytesPerLine: 1280,
  sizeImageBytes: 460_800,
  colorspace: 8,
  priv: 0xfeedcafe,
  flags: 2,
  ycbcrEncoding: 1,
  quantization: 2,
  transferFunction: 3,
}
const pixMplane = {
  width: 640,
  height: 360,
  pixelFormat: 0x32314d4e,
  field: 1,
  colorspace: 3,
  flags: 1,
  ycbcrEncoding: 2,
  quantization: 3,
  transferFunction: 4,
  planes: [
    { sizeImageBytes: 230_400, bytesPerLine: 640 },
    { sizeImageBytes: 115_200, bytesPerLine: 640 },
  ],
}
const parameters = {
  type: 1,
  capability: 0x1000,
  captureMode: 1,
  numerator: 1001,
  denominator: 30_000,
  extendedMode: 2,
  readBuffers: 3,
}

/** A structure whose bytes at each of the header's offsets are 1, 2, 3 … */
function numbered(
  layout: ReadonlyMap<string, number>,
  sizeBytes: number,
  names: readonly string[],
): Uint8Array {
  const bytes = new Uint8Array(sizeBytes)
  for (const [index, name] of names.entries()) bytes[layout.get(name) ?? NaN] = index + 1
  return bytes
}

test('The ioctl numbers of formats are those of every 64-bit Linux', () => {
  assert.equal(uapi.VIDIOC_ENUM_FMT, 0xc0405602)
  assert.equal(uapi.VIDIOC_S_FMT, 0xc0d05605)
  assert.equal(uapi.VIDIOC_S_PARM, 0xc0cc5616)
  assert.equal(uapi.VIDIOC_ENUM_FRAMESIZES, 0xc02c564a)
  assert.equal(uapi.VIDIOC_ENUM_FRAMEINTERVALS, 0xc034564b)
})

test('Every constant has the value of the header', (t) => {
  const layout = uapiLayout(t, SOURCE)
  if (layout === undefined) return
  const ours = Object.entries(uapi).filter(([name]) => /^V[A-Z0-9_]+$/.test(name))
  const constants = ours.filter(([name]) => !name.endsWith('_BYTES'))
  assert.ok(constants.length > 20)
  assertLayout(layout, Object.fromEntries(constants) as Record<string, number>)
  assertLayout(layout, {
    v4l2_fmtdesc: uapi.V4L2_FMTDESC_BYTES,
    v4l2_frmsizeenum: uapi.V4L2_FRMSIZEENUM_BYTES,
    v4l2_frmivalenum: uapi.V4L2_FRMIVALENUM_BYTES,
    v4l2_format: uapi.V4L2_FORMAT_BYTES,
    v4l2_streamparm: uapi.V4L2_STREAMPARM_BYTES,
  })
})

test('v4l2_fmtdesc is asked and answered where the header has its members', (t) => {
  const asked = offsetsOf(uapi.encodeFormatQuestion, { index: 0, type: 0 })
  assert.deepEqual(asked, { index: 0, type: 4 })
  const layout = uapiLayout(t, SOURCE)
  if (layout === undefined) return
  const names = ['index', 'type', 'flags', 'description', 'pixelformat']
  const full = names.map((name) => `v4l2_fmtdesc.${name}`)
  const bytes = numbered(layout, uapi.V4L2_FMTDESC_BYTES, full)
  assert.deepEqual(uapi.decodeFormatDescription(bytes), {
    index: 1,
    type: 2,
    flags: 3,
    description: '\x04',
    pixelFormat: 5,
  })
})

test('v4l2_frmsizeenum is one size, or sizes in steps', (t) => {
  const asked = offsetsOf(uapi.encodeFrameSizeQuestion, { index: 0, pixelFormat: 0 })
  assert.deepEqual(asked, { index: 0, pixelFormat: 4 })
  const layout = uapiLayout(t, SOURCE)
  if (layout === undefined) return
  const named = (names: readonly string[]): Uint8Array =>
    numbered(
      layout,
      uapi.V4L2_FRMSIZEENUM_BYTES,
      names.map((name) => `v4l2_frmsizeenum.${name}`),
    )
  const one = named(['type', 'discrete.width', 'discrete.height'])
  assert.deepEqual(uapi.decodeFrameSize(one), {
    minWidth: 2,
    maxWidth: 2,
    stepWidth: 1,
    minHeight: 3,
    maxHeight: 3,
    stepHeight: 1,
  })
  const steps = ['min_width', 'max_width', 'step_width', 'min_height', 'max_height', 'step_height']
  const range = named(['index', 'pixel_format', ...steps.map((name) => `stepwise.${name}`)])
  range[layout.get('v4l2_frmsizeenum.type') ?? NaN] = uapi.V4L2_FRMSIZE_TYPE_STEPWISE
  assert.deepEqual(uapi.decodeFrameSize(range), {
    minWidth: 3,
    maxWidth: 4,
    stepWidth: 5,
    minHeight: 6,
    maxHeight: 7,
    stepHeight: 8,
  })
})

test('v4l2_frmivalenum is one interval, or a shortest and a longest', (t) => {
  const zero = { index: 0, pixelFormat: 0, width: 0, height: 0 }
  const asked = offsetsOf(uapi.encodeFrameIntervalQuestion, zero)
  assert.deepEqual(asked, { index: 0, pixelFormat: 4, width: 8, height: 12 })
  const layout = uapiLayout(t, SOURCE)
  if (layout === undefined) return
  const names = ['discrete.numerator', 'discrete.denominator', 'stepwise.max.numerator']
  const full = names.map((name) => `v4l2_frmivalenum.${name}`)
  const bytes = numbered(layout, uapi.V4L2_FRMIVALENUM_BYTES, full)
  const shortest = { numerator: 1, denominator: 2 }
  const longest = { numerator: 3, denominator: 0 }
  assert.deepEqual(uapi.decodeFrameInterval(bytes), { shortest, longest })
  bytes[layout.get('v4l2_frmivalenum.type') ?? NaN] = uapi.V4L2_FRMIVAL_TYPE_DISCRETE
  assert.deepEqual(uapi.decodeFrameInterval(bytes), { shortest, longest: shortest })
})

test('v4l2_pix_format lies as documented', (t) => {
  const zero = Object.fromEntries(Object.keys(pix).map((name) => [name, 0])) as typeof pix
  const offsets = offsetsOf(uapi.encodePixFormat, zero)
  assert.deepEqual(uapi.decodePixFormat(uapi.encodePixFormat(pix)), pix)
  assert.equal(uapi.encodePixFormat(pix)[0], 1)
  const layout = uapiLayout(t, SOURCE)
  if (layout === undefined) return
  const header: Readonly<Record<keyof typeof pix, string>> = {
    width: 'width',
    height: 'height',
    pixelFormat: 'pixelformat',
    field: 'field',
    bytesPerLine: 'bytesperline',
    sizeImageBytes: 'sizeimage',
    colorspace: 'colorspace',
    priv: 'priv',
    flags: 'flags',
    ycbcrEncoding: 'ycbcr_enc',
    quantization: 'quantization',
    transferFunction: 'xfer_func',
  }
  for (const [ours, theirs] of Object.entries(header))
    assert.equal(
      offsets[ours as keyof typeof pix],
      layout.get(`v4l2_format.fmt.pix.${theirs}`),
      ours,
    )
})

test('v4l2_pix_format_mplane lies as documented, packed', (t) => {
  const { planes: _planes, ...numbers } = pixMplane
  const zero = Object.fromEntries(Object.keys(numbers).map((name) => [name, 0])) as typeof numbers
  const offsets = offsetsOf<typeof numbers>(
    (value) => uapi.encodePixFormatMplane({ ...value, planes: [] }),
    zero,
  )
  const bytes = uapi.encodePixFormatMplane(pixMplane)
  assert.deepEqual(uapi.decodePixFormatMplane(bytes), pixMplane)
  assert.equal(bytes[0], 9)
  const layout = uapiLayout(t, SOURCE)
  if (layout === undefined) return
  const header: Readonly<Record<keyof typeof numbers, string>> = {
    width: 'width',
    height: 'height',
    pixelFormat: 'pixelformat',
    field: 'field',
    colorspace: 'colorspace',
    flags: 'flags',
    ycbcrEncoding: 'ycbcr_enc',
    quantization: 'quantization',
    transferFunction: 'xfer_func',
  }
  const at = (name: string): number => layout.get(`v4l2_format.fmt.pix_mp.${name}`) ?? NaN
  for (const [ours, theirs] of Object.entries(header))
    assert.equal(offsets[ours as keyof typeof numbers], at(theirs), ours)
  assert.equal(bytes[at('num_planes')], 2)
  const full = uapi.encodePixFormatMplane({
    ...pixMplane,
    planes: Array.from({ length: 8 }, (_, i) => ({ sizeImageBytes: i + 1, bytesPerLine: i + 9 })),
  })
  assert.equal(full[at('plane_fmt[0].sizeimage')], 1)
  assert.equal(full[at('plane_fmt[0].bytesperline')], 9)
  assert.equal(full[at('plane_fmt[7].sizeimage')], 8)
})

test('A format has at most eight planes, whatever a driver or a program says', () => {
  const plane = { sizeImageBytes: 1, bytesPerLine: 1 }
  const nine = { ...pixMplane, planes: Array.from({ length: 9 }, () => plane) }
  assert.throws(() => uapi.encodePixFormatMplane(nine), RangeError)
  const bytes = uapi.encodePixFormatMplane(pixMplane)
  bytes[8 + 180] = 255
  assert.equal(uapi.decodePixFormatMplane(bytes).planes.length, 8)
})

test('v4l2_streamparm of a capture queue lies as documented', (t) => {
  const zero = Object.fromEntries(
    Object.keys(parameters).map((name) => [name, 0]),
  ) as typeof parameters
  const offsets = offsetsOf(uapi.encodeCaptureParameters, zero)
  const back = uapi.decodeCaptureParameters(uapi.encodeCaptureParameters(parameters))
  assert.deepEqual(back, parameters)
  const layout = uapiLayout(t, SOURCE)
  if (layout === undefined) return
  assertLayout(layout, {
    'v4l2_streamparm.type': offsets.type,
    'v4l2_streamparm.parm.capture.capability': offsets.capability,
    'v4l2_streamparm.parm.capture.capturemode': offsets.captureMode,
    'v4l2_streamparm.parm.capture.timeperframe.numerator': offsets.numerator,
    'v4l2_streamparm.parm.capture.timeperframe.denominator': offsets.denominator,
    'v4l2_streamparm.parm.capture.extendedmode': offsets.extendedMode,
    'v4l2_streamparm.parm.capture.readbuffers': offsets.readBuffers,
  })
})
