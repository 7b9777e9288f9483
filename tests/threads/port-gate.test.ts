// Goal: what arrives at a port is a wish to join, once; anything else changes nothing.
// Method: a stranger on the port's channel.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BroadcastChannel } from 'node:worker_threads'
import { createFrameQueue } from '#src/threads/create-frame-queue.js'
import type { MemoryPort } from '#src/threads/memory-port.js'
import { openFramePort } from '#src/threads/open-frame-port.js'

test('A port takes one wish to join, and none that makes no sense', async () => {
  await using queue = createFrameQueue({ lengthBytes: 64, buffers: 8 })
  const port = queue.port() as MemoryPort
  await using stream = await openFramePort(port)
  const channel = new BroadcastChannel(port.name)
  channel.postMessage({ to: 'producer', type: 'join', mode: 'fifo', maxHeld: 1 })
  channel.postMessage({ to: 'producer', type: 'welcome' })
  channel.postMessage({ to: 'producer', type: 'nonsense' })
  channel.close()
  await new Promise((resolve) => setTimeout(resolve, 20))
  assert.equal(queue.consumers.length, 1)
  assert.equal(stream.held, 0)
})
