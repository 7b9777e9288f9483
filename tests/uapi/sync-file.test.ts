// Goal: numbers and layouts of linux/sync_file.h.
// Method: whole numbers from the specification, and the C compiler's view of the system's header.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as uapi from '#src/uapi/sync-file.js'
import { assertLayout, offsetsOf, uapiLayout } from '../helpers/uapi-layout.js'

const merge = { name: 'merged', fd2: -2, fence: 7, flags: 1, pad: 2 }
const info = { name: 'file', status: -5, flags: 1, fenceCount: 3, pad: 2, fencesAddress: 1n << 63n }
const fence = {
  timelineName: 'job',
  driverName: 'sw_sync',
  status: -2,
  timestampNs: 2n ** 60n + 1n,
}
const deadline = { deadlineNs: 2n ** 63n, pad: 1n }

test('The ioctl numbers of a sync_file are those of every Linux', () => {
  assert.equal(uapi.SYNC_IOC_MERGE, 0xc0303e03)
  assert.equal(uapi.SYNC_IOC_FILE_INFO, 0xc0383e04)
  assert.equal(uapi.SYNC_IOC_SET_DEADLINE, 0x40103e05)
})

test('sync_merge_data lies as documented [SF-12]', (t) => {
  const zero = { name: '', fd2: 0, fence: 0, flags: 0, pad: 0 }
  const offsets = offsetsOf(uapi.encodeMergeData, zero)
  assert.deepEqual(offsets, { name: 0, fd2: 32, fence: 36, flags: 40, pad: 44 })
  assert.equal(uapi.encodeMergeData(zero).length, 48)
  const layout = uapiLayout(t)
  if (layout === undefined) return
  assertLayout(layout, { SYNC_IOC_MERGE: uapi.SYNC_IOC_MERGE, sync_merge_data: 48 })
  for (const [member, offset] of Object.entries(offsets))
    assert.equal(offset, layout.get(`sync_merge_data.${member}`), member)
})

test('sync_file_info lies as documented [SF-16]', (t) => {
  const zero = { name: '', status: 0, flags: 0, fenceCount: 0, pad: 0, fencesAddress: 0n }
  const offsets = offsetsOf(uapi.encodeFileInfo, zero)
  const expected = { name: 0, status: 32, flags: 36, fenceCount: 40, pad: 44, fencesAddress: 48 }
  assert.deepEqual(offsets, expected)
  assert.equal(uapi.encodeFileInfo(zero).length, 56)
  const layout = uapiLayout(t)
  if (layout === undefined) return
  assertLayout(layout, {
    SYNC_IOC_FILE_INFO: uapi.SYNC_IOC_FILE_INFO,
    sync_file_info: 56,
    'sync_file_info.name': offsets.name,
    'sync_file_info.status': offsets.status,
    'sync_file_info.flags': offsets.flags,
    'sync_file_info.num_fences': offsets.fenceCount,
    'sync_file_info.pad': offsets.pad,
    'sync_file_info.sync_fence_info': offsets.fencesAddress,
  })
})

test('sync_fence_info lies as documented, its flags 0 [SF-17]', (t) => {
  const zero = { timelineName: '', driverName: '', status: 0, timestampNs: 0n }
  const offsets = offsetsOf(uapi.encodeFenceInfo, zero)
  assert.deepEqual(offsets, { timelineName: 0, driverName: 32, status: 64, timestampNs: 72 })
  assert.deepEqual([...uapi.encodeFenceInfo(fence).subarray(68, 72)], [0, 0, 0, 0])
  const layout = uapiLayout(t)
  if (layout === undefined) return
  assertLayout(layout, {
    sync_fence_info: uapi.encodeFenceInfo(zero).length,
    'sync_fence_info.obj_name': offsets.timelineName,
    'sync_fence_info.driver_name': offsets.driverName,
    'sync_fence_info.status': offsets.status,
    'sync_fence_info.timestamp_ns': offsets.timestampNs,
  })
})

test('sync_set_deadline lies as documented [SF-20]', (t) => {
  const offsets = offsetsOf(uapi.encodeSetDeadline, { deadlineNs: 0n, pad: 0n })
  assert.deepEqual(offsets, { deadlineNs: 0, pad: 8 })
  const layout = uapiLayout(t)
  if (layout === undefined) return
  const newer = {
    SYNC_IOC_SET_DEADLINE: uapi.SYNC_IOC_SET_DEADLINE,
    sync_set_deadline: uapi.SYNC_SET_DEADLINE_BYTES,
    'sync_set_deadline.deadline_ns': 0,
    'sync_set_deadline.pad': 8,
  }
  assertLayout(layout, newer, Object.keys(newer))
})

test('Each structure of a sync_file comes back as it was encoded', () => {
  assert.deepEqual(uapi.decodeMergeData(uapi.encodeMergeData(merge)), merge)
  assert.deepEqual(uapi.decodeFileInfo(uapi.encodeFileInfo(info)), info)
  assert.deepEqual(uapi.decodeFenceInfo(uapi.encodeFenceInfo(fence)), fence)
  assert.deepEqual(uapi.decodeSetDeadline(uapi.encodeSetDeadline(deadline)), deadline)
})
