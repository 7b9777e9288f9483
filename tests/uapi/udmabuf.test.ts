// Goal: numbers and layouts of linux/udmabuf.h.
// Method: whole numbers from the specification, and the C compiler's view of the system's header.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as uapi from '#src/uapi/udmabuf.js'
import { assertLayout, offsetsOf, uapiLayout } from '../helpers/uapi-layout.js'

const ITEM = { memfd: 7, offsetBytes: 0x1_0000_1000n, lengthBytes: 8192n }

test('udmabuf_create lies as documented [UDM-2]', (t) => {
  const zero = { memfd: 0, flags: 0, offsetBytes: 0n, lengthBytes: 0n }
  const offsets = offsetsOf(uapi.encodeUdmabufCreate, zero)
  assert.deepEqual(offsets, { memfd: 0, flags: 4, offsetBytes: 8, lengthBytes: 16 })
  const layout = uapiLayout(t)
  if (layout === undefined) return
  assertLayout(layout, {
    UDMABUF_CREATE: uapi.UDMABUF_CREATE,
    UDMABUF_CREATE_LIST: uapi.UDMABUF_CREATE_LIST,
    UDMABUF_FLAGS_CLOEXEC: uapi.UDMABUF_FLAGS_CLOEXEC,
    udmabuf_create: uapi.UDMABUF_CREATE_BYTES,
    udmabuf_create_list: uapi.UDMABUF_CREATE_LIST_BYTES,
    udmabuf_create_item: uapi.UDMABUF_CREATE_ITEM_BYTES,
    'udmabuf_create.memfd': offsets.memfd,
    'udmabuf_create.flags': offsets.flags,
    'udmabuf_create.offset': offsets.offsetBytes,
    'udmabuf_create.size': offsets.lengthBytes,
    'udmabuf_create_item.memfd': 0,
    'udmabuf_create_item.offset': 8,
    'udmabuf_create_item.size': 16,
    'udmabuf_create_list.flags': 0,
    'udmabuf_create_list.count': 4,
    'udmabuf_create_list.list': 8,
  })
})

test('The requests of udmabuf are those of every Linux [UDM-2, UDM-3]', () => {
  assert.equal(uapi.UDMABUF_CREATE, 0x40187542)
  assert.equal(uapi.UDMABUF_CREATE_LIST, 0x40087543)
})

test('decodeUdmabufCreate returns what was encoded', () => {
  const create = { ...ITEM, flags: 1 }
  assert.deepEqual(uapi.decodeUdmabufCreate(uapi.encodeUdmabufCreate(create)), create)
})

test('udmabuf_create_list is followed by its items [UDM-3]', () => {
  const bytes = uapi.encodeUdmabufCreateList({ flags: 1, items: [ITEM, { ...ITEM, memfd: 9 }] })
  assert.equal(bytes.length, 8 + 2 * 24)
  const view = new DataView(bytes.buffer)
  assert.equal(view.getUint32(4, true), 2)
  assert.equal(view.getUint32(8 + 24, true), 9)
  assert.equal(view.getBigUint64(8 + 8, true), 0x1_0000_1000n)
})

test('decodeUdmabufCreateList returns what was encoded, and takes exactly its items', () => {
  for (const items of [[], [ITEM], [ITEM, ITEM, { ...ITEM, memfd: 1 }]]) {
    const list = { flags: 1, items }
    const bytes = uapi.encodeUdmabufCreateList(list)
    assert.deepEqual(uapi.decodeUdmabufCreateList(bytes), list)
    assert.throws(() => uapi.decodeUdmabufCreateList(bytes.subarray(0, -1)), RangeError)
    const longer = new Uint8Array(bytes.length + 24)
    longer.set(bytes)
    assert.throws(() => uapi.decodeUdmabufCreateList(longer), RangeError)
  }
})
