// Goal: a queue between threads is made with sizes that make sense.
// Method: both sides of each boundary.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFrameQueue } from '#src/threads/create-frame-queue.js'

test('createFrameQueue takes maxLengthBytes from the length of a frame on', async () => {
  await createFrameQueue({ lengthBytes: 100, maxLengthBytes: 100 }).close()
  for (const maxLengthBytes of [99, 100.5, Number.NaN])
    assert.throws(() => createFrameQueue({ lengthBytes: 100, maxLengthBytes }), RangeError)
})

test('createFrameQueue refuses what no queue can be', () => {
  assert.throws(() => createFrameQueue({}), TypeError)
  assert.throws(() => createFrameQueue({ lengthBytes: 0 }), RangeError)
})

test('createFrameQueue makes a queue that never stalls while nobody has opened a port', async () => {
  await using queue = createFrameQueue({ lengthBytes: 64, buffers: 2 })
  queue.port()
  for (let i = 0; i < 10; i++) queue.tryDequeue()?.queue()
  assert.equal(queue.stats().queued, 10)
})
