// Goal: numbers and layouts of sw_sync, which has no public header.
// Method: whole numbers from the specification, and the C compiler's view of the documented structures.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as uapi from '#src/uapi/sw-sync.js'
import { assertLayout, offsetsOf, uapiLayout } from '../helpers/uapi-layout.js'

test('The ioctl numbers of sw_sync are those of every Linux', () => {
  assert.equal(uapi.SW_SYNC_IOC_CREATE_FENCE, 0xc0285700)
  assert.equal(uapi.SW_SYNC_IOC_INC, 0x40045701)
  assert.equal(uapi.SW_SYNC_GET_DEADLINE, 0xc0105702)
})

test('The structures of sw_sync lie as documented', (t) => {
  const create = offsetsOf(uapi.encodeCreateFenceData, { value: 0, name: '', fence: 0 })
  assert.deepEqual(create, { value: 0, name: 4, fence: 36 })
  const get = offsetsOf(uapi.encodeGetDeadline, { deadlineNs: 0n, pad: 0, fenceFd: 0 })
  assert.deepEqual(get, { deadlineNs: 0, pad: 8, fenceFd: 12 })
  const layout = uapiLayout(t)
  if (layout === undefined) return
  assertLayout(layout, {
    SW_SYNC_IOC_CREATE_FENCE: uapi.SW_SYNC_IOC_CREATE_FENCE,
    SW_SYNC_IOC_INC: uapi.SW_SYNC_IOC_INC,
    SW_SYNC_GET_DEADLINE: uapi.SW_SYNC_GET_DEADLINE,
    sw_sync_create_fence_data: 40,
    'sw_sync_create_fence_data.name': 4,
    'sw_sync_create_fence_data.fence': 36,
    sw_sync_get_deadline: 16,
    'sw_sync_get_deadline.pad': 8,
    'sw_sync_get_deadline.fence_fd': 12,
  })
})

test('Each structure of sw_sync comes back as it was encoded', () => {
  const create = { value: 0xffffffff, name: 'ignored', fence: -1 }
  assert.deepEqual(uapi.decodeCreateFenceData(uapi.encodeCreateFenceData(create)), create)
  assert.equal(uapi.decodeIncrement(uapi.encodeIncrement(0x80000001)), 0x80000001)
  const get = { deadlineNs: 2n ** 64n - 1n, pad: 3, fenceFd: -9 }
  assert.deepEqual(uapi.decodeGetDeadline(uapi.encodeGetDeadline(get)), get)
})
