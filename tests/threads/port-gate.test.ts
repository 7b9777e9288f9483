// Goal: what arrives at a port is a wish to join, once; anything else changes nothing.
// Method: a stranger on the port's channel.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BroadcastChannel } from 'node:worker_threads'
import { createFrameQueue } from '#src/threads/create-frame-queue.js'
import type { MemoryPort } from '#src/threads/memory-port.js'
import { openFramePort } from '#src/threads/open-frame-port.js'
import { until } from '../helpers/leaks.js'

test('A port takes one wish to join, and ends at a message that makes no sense', async () => {
  await using queue = createFrameQueue({ lengthBytes: 64, buffers: 8 })
  const port = queue.port() as MemoryPort
  await using stream = await openFramePort(port)
  const channel = new BroadcastChannel(port.name)
  channel.postMessage({ to: 'producer', type: 'join', mode: 'fifo', maxHeld: 1 })
  await new Promise((resolve) => setTimeout(resolve, 20))
  assert.equal(queue.consumers.length, 1)
  assert.equal(stream.held, 0)
  channel.postMessage({ to: 'producer', type: 'welcome' })
  channel.close()
  await assert.rejects(stream.receive(), { code: 'EPROTO' })
  await until(() => queue.consumers.length === 0)
})
