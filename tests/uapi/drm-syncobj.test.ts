// Goal: numbers and layouts of the syncobjs of drm/drm.h.
// Method: whole numbers from the kernel's documentation, and the C compiler's view of the headers where there are any.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as uapi from '#src/uapi/drm-syncobj.js'
import { ioctlParts } from '#src/uapi/ioctl.js'
import { assertLayout, offsetsOf, uapiLayout } from '../helpers/uapi-layout.js'

const WAIT = { timeoutNs: 0n, count: 0, flags: 0, firstSignaled: 0, pad: 0 }
const TRANSFER = { source: 0, target: 0, sourcePoint: 0n, targetPoint: 0n, flags: 0, pad: 0 }

/** Later headers append members to their structures; all kernels take the short ones. */
const GREW = new Set([
  'DRM_IOCTL_SYNCOBJ_WAIT',
  'DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT',
  'DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD',
  'DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE',
])

const create = offsetsOf(uapi.encodeSyncobjCreate, { handle: 0, flags: 0 })
const handle = offsetsOf(uapi.encodeSyncobjHandle, { handle: 0, flags: 0, fd: 0, pad: 0 })
const wait = offsetsOf(uapi.encodeSyncobjWait, WAIT)
const timelineWait = offsetsOf(uapi.encodeSyncobjTimelineWait, WAIT)
const array = offsetsOf(uapi.encodeSyncobjArray, { count: 0, pad: 0 })
const points = offsetsOf(uapi.encodeSyncobjTimelineArray, { count: 0, flags: 0 })
const transfer = offsetsOf(uapi.encodeSyncobjTransfer, TRANSFER)
const eventfd = offsetsOf(uapi.encodeSyncobjEventfd, {
  handle: 0,
  flags: 0,
  point: 0n,
  fd: 0,
  pad: 0,
})

test('The ioctl numbers of syncobjs are those of every Linux', () => {
  assert.deepEqual(
    [
      uapi.DRM_IOCTL_SYNCOBJ_CREATE,
      uapi.DRM_IOCTL_SYNCOBJ_DESTROY,
      uapi.DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD,
      uapi.DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE,
      uapi.DRM_IOCTL_SYNCOBJ_WAIT,
      uapi.DRM_IOCTL_SYNCOBJ_RESET,
      uapi.DRM_IOCTL_SYNCOBJ_SIGNAL,
      uapi.DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT,
      uapi.DRM_IOCTL_SYNCOBJ_QUERY,
      uapi.DRM_IOCTL_SYNCOBJ_TRANSFER,
      uapi.DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL,
      uapi.DRM_IOCTL_SYNCOBJ_EVENTFD,
    ],
    [
      0xc00864bf, 0xc00864c0, 0xc01064c1, 0xc01064c2, 0xc02064c3, 0xc01064c4, 0xc01064c5,
      0xc02864ca, 0xc01864cb, 0xc02064cc, 0xc01864cd, 0xc01864cf,
    ],
  )
})

test('The structures of syncobjs lie as documented', () => {
  assert.deepEqual(create, { handle: 0, flags: 4 })
  assert.deepEqual(handle, { handle: 0, flags: 4, fd: 8, pad: 12 })
  assert.deepEqual(wait, { timeoutNs: 8, count: 16, flags: 20, firstSignaled: 24, pad: 28 })
  assert.deepEqual(timelineWait, {
    timeoutNs: 16,
    count: 24,
    flags: 28,
    firstSignaled: 32,
    pad: 36,
  })
  assert.deepEqual(array, { count: 8, pad: 12 })
  assert.deepEqual(points, { count: 16, flags: 20 })
  const ends = { flags: 24, pad: 28 }
  assert.deepEqual(transfer, { source: 0, target: 4, sourcePoint: 8, targetPoint: 16, ...ends })
  assert.deepEqual(eventfd, { handle: 0, flags: 4, point: 8, fd: 16, pad: 20 })
})

test('The numbers of syncobjs are those of drm.h', (t) => {
  const layout = uapiLayout(t, 'uapi-layout-drm.c')
  if (layout === undefined) return
  // Only those that the header numbers; some of them came later.
  const numbers = Object.entries(uapi).filter(
    (entry): entry is [string, number] => entry[0].startsWith('DRM_') && Number.isInteger(entry[1]),
  )
  assert.equal(numbers.length, 19)
  const ours = Object.fromEntries(numbers.filter(([name]) => !GREW.has(name)))
  assertLayout(layout, ours, ['DRM_IOCTL_SYNCOBJ_EVENTFD'])
  for (const [name, command] of numbers.filter(([name]) => GREW.has(name))) {
    const theirs = ioctlParts(layout.get(name)!)
    const { sizeBytes } = ioctlParts(command)
    assert.ok(theirs.sizeBytes >= sizeBytes, name)
    assert.deepEqual({ ...theirs, sizeBytes }, ioctlParts(command), name)
  }
})

test('The structures of syncobjs are those of drm.h', (t) => {
  const layout = uapiLayout(t, 'uapi-layout-drm.c')
  if (layout === undefined) return
  const members = {
    'drm_syncobj_create.handle': create.handle,
    'drm_syncobj_create.flags': create.flags,
    'drm_syncobj_destroy.handle': create.handle,
    'drm_syncobj_destroy.pad': create.flags,
    'drm_syncobj_handle.handle': handle.handle,
    'drm_syncobj_handle.flags': handle.flags,
    'drm_syncobj_handle.fd': handle.fd,
    'drm_syncobj_handle.pad': handle.pad,
    'drm_syncobj_wait.handles': uapi.SYNCOBJ_HANDLES_OFFSET,
    'drm_syncobj_wait.timeout_nsec': wait.timeoutNs,
    'drm_syncobj_wait.count_handles': wait.count,
    'drm_syncobj_wait.flags': wait.flags,
    'drm_syncobj_wait.first_signaled': wait.firstSignaled,
    'drm_syncobj_wait.pad': wait.pad,
    'drm_syncobj_timeline_wait.handles': uapi.SYNCOBJ_HANDLES_OFFSET,
    'drm_syncobj_timeline_wait.points': uapi.SYNCOBJ_POINTS_OFFSET,
    'drm_syncobj_timeline_wait.timeout_nsec': timelineWait.timeoutNs,
    'drm_syncobj_timeline_wait.count_handles': timelineWait.count,
    'drm_syncobj_timeline_wait.flags': timelineWait.flags,
    'drm_syncobj_timeline_wait.first_signaled': timelineWait.firstSignaled,
    'drm_syncobj_timeline_wait.pad': timelineWait.pad,
    'drm_syncobj_array.handles': uapi.SYNCOBJ_HANDLES_OFFSET,
    'drm_syncobj_array.count_handles': array.count,
    'drm_syncobj_array.pad': array.pad,
    'drm_syncobj_timeline_array.handles': uapi.SYNCOBJ_HANDLES_OFFSET,
    'drm_syncobj_timeline_array.points': uapi.SYNCOBJ_POINTS_OFFSET,
    'drm_syncobj_timeline_array.count_handles': points.count,
    'drm_syncobj_timeline_array.flags': points.flags,
    'drm_syncobj_transfer.src_handle': transfer.source,
    'drm_syncobj_transfer.dst_handle': transfer.target,
    'drm_syncobj_transfer.src_point': transfer.sourcePoint,
    'drm_syncobj_transfer.dst_point': transfer.targetPoint,
    'drm_syncobj_transfer.flags': transfer.flags,
    'drm_syncobj_transfer.pad': transfer.pad,
  }
  assertLayout(layout, members)
  const newer = {
    drm_syncobj_eventfd: uapi.SYNCOBJ_EVENTFD_BYTES,
    'drm_syncobj_eventfd.handle': eventfd.handle,
    'drm_syncobj_eventfd.flags': eventfd.flags,
    'drm_syncobj_eventfd.point': eventfd.point,
    'drm_syncobj_eventfd.fd': eventfd.fd,
    'drm_syncobj_eventfd.pad': eventfd.pad,
  }
  assertLayout(layout, newer, Object.keys(newer))
})

test('Each structure of syncobjs that is read comes back as it was encoded', () => {
  const made = { handle: 0xffffffff, flags: 1 }
  assert.deepEqual(uapi.decodeSyncobjCreate(uapi.encodeSyncobjCreate(made)), made)
  const given = { handle: 1, flags: 2, fd: -1, pad: 3 }
  assert.deepEqual(uapi.decodeSyncobjHandle(uapi.encodeSyncobjHandle(given)), given)
  const waited = { timeoutNs: 2n ** 62n, count: 1, flags: 2, firstSignaled: 3, pad: 4 }
  assert.deepEqual(uapi.decodeSyncobjWait(uapi.encodeSyncobjWait(waited)), waited)
  const timeline = uapi.decodeSyncobjTimelineWait(uapi.encodeSyncobjTimelineWait(waited))
  assert.deepEqual(timeline, waited)
})
