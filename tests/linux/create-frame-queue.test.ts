// Goal: a queue without a path is one for the threads of this process.
// Method: its options on both sides; the rest is in queue-port.test.ts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFrameQueue } from '#src/linux/create-frame-queue.js'
import { openFramePort } from '#src/linux/open-frame-port.js'
import { countResources, settled } from '../helpers/leaks.js'
import { publish } from '../helpers/viewer.js'

test('createFrameQueue makes a queue of what the format needs, and leaves nothing behind', async () => {
  await settled()
  const before = countResources()
  {
    await using queue = createFrameQueue({
      format: { fourcc: 'YU12', width: 4, height: 2 },
      buffers: 3,
    })
    assert.equal(queue.lengthBytes, 12)
    await using stream = await openFramePort(queue.port())
    await publish(queue, 3)
    using frame = await stream.receive()
    assert.equal(frame?.format?.fourcc, 'YU12')
    assert.equal(frame.plane(0).length, 8)
  }
  await settled()
  assert.deepEqual(countResources(), before)
})

test('createFrameQueue refuses absurd sizes', () => {
  assert.throws(() => createFrameQueue({}), TypeError)
  assert.throws(() => createFrameQueue({ lengthBytes: 0 }), RangeError)
})
