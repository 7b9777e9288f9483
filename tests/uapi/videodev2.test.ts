// Goal: numbers and layouts of linux/videodev2.h that say what a device is.
// Method: whole numbers from the specification, and the C compiler's view of the system's header.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as uapi from '#src/uapi/videodev2.js'
import { assertLayout, offsetsOf, uapiLayout } from '../helpers/uapi-layout.js'

const SOURCE = 'uapi-layout-v4l2.c'

test('The ioctl numbers of a device are those of every 64-bit Linux', () => {
  assert.equal(uapi.VIDIOC_QUERYCAP, 0x80685600)
  assert.equal(uapi.VIDIOC_G_CTRL, 0xc008561b)
  assert.equal(uapi.VIDIOC_S_CTRL, 0xc008561c)
})

test('Every constant has the value of the header', (t) => {
  const layout = uapiLayout(t, SOURCE)
  if (layout === undefined) return
  const ours = Object.entries(uapi).filter(([name]) => /^V[A-Z0-9_]+$/.test(name))
  const constants = ours.filter(([name]) => !name.endsWith('_BYTES'))
  assert.ok(constants.length > 15)
  assertLayout(layout, Object.fromEntries(constants) as Record<string, number>)
  assertLayout(layout, {
    v4l2_capability: uapi.V4L2_CAPABILITY_BYTES,
    v4l2_control: uapi.V4L2_CONTROL_BYTES,
    'fourcc YUYV': uapi.fourccNumber('YUYV'),
  })
})

test('v4l2_capability is read where the header has its members', (t) => {
  const layout = uapiLayout(t, SOURCE)
  if (layout === undefined) return
  const bytes = new Uint8Array(uapi.V4L2_CAPABILITY_BYTES)
  const at = (name: string): number => layout.get(`v4l2_capability.${name}`) ?? NaN
  bytes.set([118, 105, 118, 105, 100], at('driver'))
  bytes.set([99], at('card'))
  bytes.fill(98, at('bus_info'), at('bus_info') + 32)
  for (const [index, name] of ['version', 'capabilities', 'device_caps'].entries())
    bytes[at(name)] = index + 1
  assert.deepEqual(uapi.decodeCapability(bytes), {
    driver: 'vivid',
    card: 'c',
    busInfo: 'b'.repeat(31),
    version: 1,
    capabilities: 2,
    deviceCaps: 3,
  })
})

test('v4l2_control lies as documented and comes back as it was encoded', (t) => {
  const offsets = offsetsOf(uapi.encodeControl, { id: 0, value: 0 })
  assert.deepEqual(offsets, { id: 0, value: 4 })
  const control = { id: 0x980900, value: -5 }
  assert.deepEqual(uapi.decodeControl(uapi.encodeControl(control)), control)
  const layout = uapiLayout(t, SOURCE)
  if (layout === undefined) return
  assertLayout(layout, { 'v4l2_control.id': 0, 'v4l2_control.value': 4 })
})

test('A pixel format is four characters, the first in the lowest byte', () => {
  assert.equal(uapi.fourccNumber('YU12'), 0x32315559)
  assert.equal(uapi.fourccText(0x32315559), 'YU12')
  assert.equal(uapi.fourccText(uapi.fourccNumber('Y16 ')), 'Y16 ')
  // Big endian: the same format otherwise.
  assert.equal(uapi.fourccText((uapi.fourccNumber('Y16 ') | 0x80000000) >>> 0), 'Y16 ')
})

test('A structure of another size is refused', () => {
  assert.throws(() => uapi.decodeCapability(new Uint8Array(103)), RangeError)
  assert.throws(() => uapi.decodeControl(new Uint8Array(9)), RangeError)
})
