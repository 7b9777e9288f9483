// Goal: a picture of all buffers is plain data and true.
// Method: buffers of a fake exporter in states made by hand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTimeline } from '#src/core/fence/timeline.js'
import { snapshot } from '#src/core/snapshot.js'
import { fakeBuffer } from '../helpers/fake-exporter.js'

test('snapshot tells of buffers, newest first, as data that can be posted [STAT-5]', async () => {
  using old = fakeBuffer(16).buffer
  using young = fakeBuffer(5000).buffer
  young.setName('frame')
  await using _attachment = await young.attach({ name: 'gpu0' })
  const timeline = createTimeline('job')
  using held = await young.reservation.lock()
  held.reserve(2)
  held.add(timeline.fence(5), 'bookkeep')
  const picture = snapshot()
  assert.deepEqual(structuredClone(picture), picture)
  assert.equal(picture.version, 1)
  const [first, second] = picture.buffers
  assert.deepEqual(first, {
    inode: String(young.inode),
    name: 'frame',
    exporterName: 'fake',
    lengthBytes: 5000,
    references: 1,
    devices: ['gpu0'],
    isLocked: true,
    fences: [
      {
        usage: 'bookkeep',
        driverName: 'dmabuf',
        timelineName: 'job',
        context: timeline.context,
        seqno: 5,
      },
    ],
  })
  assert.deepEqual(
    [second?.inode, second?.isLocked, second?.fences],
    [String(old.inode), false, []],
  )
  timeline.close()
  assert.deepEqual(snapshot().buffers[0]?.fences, [])
})

test('snapshot of nothing is empty', () => {
  assert.deepEqual(snapshot(), { version: 1, buffers: [] })
})
