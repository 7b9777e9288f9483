// Goal: a producer can tell its consumers apart and knows what each of them holds.
// Method: a viewer in a process of its own.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serveFrames } from '#src/linux/serve-frames.js'
import { socketPath } from '../helpers/socket-path.js'
import { publish, Viewer } from '../helpers/viewer.js'

test('Consumer tells who it is, how it reads, what it holds and how far it is behind', async (t) => {
  const path = socketPath(t)
  await using queue = await serveFrames(path, { lengthBytes: 4096, buffers: 6 })
  await using viewer = await Viewer.start(path, { maxHeld: 2 })
  const consumer = queue.consumers[0]
  assert.ok(consumer)
  const { id, pid, peerName, mode, maxHeld, held, lagFrames, evicted } = consumer
  assert.deepEqual({ id, pid, peerName }, { id: 1, pid: viewer.pid, peerName: `pid ${viewer.pid}` })
  assert.deepEqual(
    { mode, maxHeld, held, lagFrames, evicted },
    { mode: 'fifo', maxHeld: 2, held: 0, lagFrames: 0, evicted: false },
  )
  for (let i = 0; i < 3; i++) await publish(queue)
  assert.equal(consumer.lagFrames, 3)
  await viewer.hold(2)
  assert.deepEqual([consumer.held, consumer.lagFrames], [2, 1])
})
