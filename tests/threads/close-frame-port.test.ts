// Goal: closeFramePort() is about ports of shared memory; what it does is in open-frame-port.test.ts.
// Method: a port of another kind.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { closeFramePort } from '#src/threads/close-frame-port.js'
import { createFrameQueue } from '#src/linux/create-frame-queue.js'
import { openFramePort } from '#src/linux/open-frame-port.js'

test('closeFramePort leaves a port alone whose death the system tells', async () => {
  await using queue = createFrameQueue({ lengthBytes: 64 })
  const port = queue.port()
  closeFramePort(port)
  await using stream = await openFramePort(port)
  assert.equal(stream.held, 0)
})
