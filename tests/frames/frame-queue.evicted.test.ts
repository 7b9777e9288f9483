// Goal: a viewer that stands still is named and by policy told to leave; its buffers are replaced, never refilled.
// Method: viewers that are stopped by a signal while they hold frames, and go on later.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectFrames } from '#src/linux/connect-frames.js'
import { serveFrames } from '#src/linux/serve-frames.js'
import { countResources, settled, until } from '../helpers/leaks.js'
import { socketPath } from '../helpers/socket-path.js'
import { publish, Viewer } from '../helpers/viewer.js'

const QUEUE = {
  lengthBytes: 4096,
  buffers: 4,
  slowConsumer: { afterMs: 30, then: 'disconnect' },
} as const

test('A stopped viewer is told to leave; its frame stays as it is, and the queue keeps its depth', async (t) => {
  const path = socketPath(t)
  await using queue = await serveFrames(path, QUEUE)
  await using stuck = await Viewer.start(path)
  await publish(queue)
  const [held] = await stuck.hold()
  assert.equal(held?.value, 1)
  stuck.remote.signal('SIGSTOP')
  for (let i = 0; i < 12; i++) await publish(queue, 100 + i)
  const [consumer] = queue.consumers
  assert.deepEqual([consumer?.pid, consumer?.evicted, consumer?.held], [stuck.pid, true, 1])
  // Four buffers take part as before: others may join as if it had gone.
  await using other = await connectFrames(path, { maxHeld: 2 })
  await publish(queue)
  await publish(queue)
  const frames = [await other.receive(), await other.receive()]
  await publish(queue)
  const next = await queue.dequeue({ timeoutMs: 5000 })
  next.cancel()
  for (const frame of frames) frame?.release()
  stuck.remote.signal('SIGCONT')
  const value = await stuck.remote.run(({ state }) => state.held[0]?.bytes[4095])
  assert.equal(value, 1)
  await assert.rejects(stuck.read(), { code: 'ETIMEDOUT', message: /disconnected/ })
})

test('What an evicted viewer held comes back when it lets go, and memory is as before', async (t) => {
  const path = socketPath(t)
  await using queue = await serveFrames(path, QUEUE)
  await settled()
  const before = countResources()
  {
    await using stuck = await Viewer.start(path)
    await publish(queue)
    await stuck.hold()
    stuck.remote.signal('SIGSTOP')
    for (let i = 0; i < 6; i++) await publish(queue)
    assert.equal(countResources().mappings > before.mappings, true)
  }
  await until(() => queue.consumers.length === 0)
  await settled()
  assert.deepEqual(countResources(), before)
})

test('Viewers that stand still one after the other take no more memory than maxBuffers says', async (t) => {
  const path = socketPath(t)
  await using queue = await serveFrames(path, { ...QUEUE, maxBuffers: 5 })
  const stuck: Viewer[] = []
  for (let i = 0; i < 2; i++) {
    const viewer = await Viewer.start(path)
    stuck.push(viewer)
    await publish(queue)
    await viewer.hold()
    viewer.remote.signal('SIGSTOP')
    for (let n = 0; n < 6; n++) await publish(queue)
  }
  assert.deepEqual(
    queue.consumers.map(({ evicted }) => evicted),
    [true, true],
  )
  assert.equal(queue.slots.filter(({ buffer }) => buffer !== undefined).length, 5)
  // One could not be replaced: there is room for one frame less.
  await assert.rejects(connectFrames(path, { maxHeld: 2 }), { code: 'EBUSY' })
  await using other = await connectFrames(path)
  await publish(queue)
  ;(await other.receive())?.release()
  for (const viewer of stuck) await viewer[Symbol.asyncDispose]()
})

test("A stopped viewer of mode 'latest' is never told to leave: it stalls nobody", async (t) => {
  const path = socketPath(t)
  await using queue = await serveFrames(path, QUEUE)
  await using stuck = await Viewer.start(path, { mode: 'latest' })
  await publish(queue)
  await stuck.hold()
  stuck.remote.signal('SIGSTOP')
  for (let i = 0; i < 20; i++) await publish(queue)
  assert.equal(queue.consumers[0]?.evicted, false)
  stuck.remote.signal('SIGCONT')
})
