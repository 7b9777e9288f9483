// Goal: a frame that is still being written, or still being read, is neither shown nor refilled too early.
// Method: fences in the test's hand; the producer or the consumer in a process of its own where it has to die.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { DmaBufError } from '#src/index.js'
import { createFakeFence } from '#src/testing/index.js'
import type { FrameQueue } from '#src/frames/frame-queue.js'
import { connectFrames } from '#src/linux/connect-frames.js'
import { serveFrames } from '#src/linux/serve-frames.js'
import { Camera } from '../helpers/camera.js'
import { errorCode } from '../helpers/error-code.js'
import { until } from '../helpers/leaks.js'
import { queuePair } from '../helpers/queue-pair.js'
import { socketPath } from '../helpers/socket-path.js'
import { publish, Viewer } from '../helpers/viewer.js'

const SMALL = { lengthBytes: 4096, buffers: 4 }

/** Publishes a frame whose fence is the test's to signal. */
function publishPending(queue: FrameQueue): ReturnType<typeof createFakeFence> {
  const fence = createFakeFence()
  queue.tryDequeue()!.queue({ fence })
  return fence
}

test('A stream waits for the fence of the next frame, also when it is asked in advance', async (t) => {
  const { queue, stream } = await queuePair(t)
  const waiting = stream.receive()
  const fence = publishPending(queue)
  assert.equal(await Promise.race([waiting, sleep(30)]), undefined)
  fence.signal()
  const frame = await waiting
  assert.deepEqual([frame?.sequence, frame?.fence, frame?.error], [1, undefined, undefined])
  frame?.release()
})

test('A fifo stream keeps the order of frames, whatever the order of their fences', async (t) => {
  const { queue, stream } = await queuePair(t)
  const [first, second] = [publishPending(queue), publishPending(queue)]
  second.signal()
  assert.equal(stream.tryReceive(), undefined)
  first.signal()
  for (const sequence of [1, 2]) {
    using frame = stream.tryReceive()
    assert.equal(frame?.sequence, sequence)
  }
})

test("A 'latest' stream takes the newest frame that is ready, then newer ones", async (t) => {
  const { queue, stream } = await queuePair(t, { stream: { mode: 'latest' } })
  await publish(queue)
  const fence = publishPending(queue)
  using ready = await stream.receive()
  assert.equal(ready?.sequence, 1)
  ready.release()
  const waiting = stream.receive()
  fence.signal()
  using newer = await waiting
  assert.deepEqual([newer?.sequence, newer?.missed], [2, 0])
})

test("A 'latest' stream that joins late begins with the newest frame that is ready", async (t) => {
  const path = socketPath(t)
  await using queue = await serveFrames(path, SMALL)
  await publish(queue)
  publishPending(queue)
  await using stream = await connectFrames(path, { mode: 'latest' })
  using frame = await stream.receive()
  assert.deepEqual([frame?.sequence, frame?.missed], [1, 0])
})

test("With fences 'pass' frames come at once with a fence that signals as the producer's does", async (t) => {
  const { queue, stream } = await queuePair(t, { stream: { fences: 'pass', maxHeld: 3 } })
  const fences = [publishPending(queue), publishPending(queue)]
  const frames = [await stream.receive(), await stream.receive()]
  assert.deepEqual(
    frames.map((frame) => frame?.fence?.status),
    ['pending', 'pending'],
  )
  const [first, second] = frames
  assert.match(first!.fence!.explain(), /frames of pid/)
  const waiting = first!.fence!.wait()
  fences[0]!.signal()
  await waiting
  assert.deepEqual([first?.error, second?.fence?.status], [undefined, 'pending'])
  const failing = errorCode(() => second!.fence!.wait())
  fences[1]!.signal(new DmaBufError('EIO', 'render', 'The device is gone'))
  assert.equal(await failing, 'EIO')
  assert.equal(second?.error?.code, 'EIO')
  for (const frame of frames) frame?.release()
})

test("With fences 'pass' a frame that is ready has no fence", async (t) => {
  const { queue, stream } = await queuePair(t, { stream: { fences: 'pass' } })
  await publish(queue)
  using frame = await stream.receive()
  assert.deepEqual([frame?.fence, frame?.error], [undefined, undefined])
})

test('A frame whose fence failed is delivered, and says so', async (t) => {
  const { queue, stream } = await queuePair(t)
  publishPending(queue).signal(new DmaBufError('EIO', 'render', 'The device is gone'))
  using frame = await stream.receive()
  assert.equal(frame?.error?.code, 'EIO')
  assert.match(frame.error.message, /Frame 1 has failed/)
})

test('A fence that has signalled before queue() is none', async (t) => {
  const { queue, stream } = await queuePair(t)
  const [good, bad] = [createFakeFence(), createFakeFence()]
  good.signal()
  bad.signal(new DmaBufError('EIO', 'render', 'The device is gone'))
  for (const fence of [good, bad]) queue.tryDequeue()!.queue({ fence })
  for (const code of [undefined, 'EIO']) {
    using frame = stream.tryReceive()
    assert.equal(frame?.error?.code, code)
  }
})

test('WritableFrame.queue takes nothing but a fence for a fence', async (t) => {
  const { queue } = await queuePair(t)
  using frame = await queue.dequeue()
  for (const wrong of [{}, null, 5])
    assert.throws(() => {
      frame.queue({ fence: wrong as never })
    }, TypeError)
})

test('A buffer whose fence is pending is not refilled, and dequeue says what it waits for', async (t) => {
  const path = socketPath(t)
  await using queue = await serveFrames(path, { ...SMALL, buffers: 2 })
  const fences = [publishPending(queue), publishPending(queue)]
  await assert.rejects(queue.dequeue({ timeoutMs: 20 }), {
    code: 'ETIMEDOUT',
    message: /2 published frames wait for their own fences/,
  })
  const waiting = queue.dequeue()
  fences[0]!.signal()
  fences[1]!.signal()
  const frame = await waiting
  frame.cancel()
})

test("The producer's death fails the fences of its frames with EOWNERDEAD", async (t) => {
  const path = socketPath(t)
  await using camera = await Camera.start(path, SMALL)
  await camera.remote.run(async ({ state, core }) => {
    const frame = await state.queue.dequeue()
    frame.queue({ fence: core.createTimeline('never').fence(1) })
  })
  await using stream = await connectFrames(path, { fences: 'pass' })
  await using late = await connectFrames(path, { fences: 'pass', mode: 'latest' })
  const frame = await late.receive()
  const waiting = errorCode(() => frame!.fence!.wait())
  await camera.remote.kill()
  assert.equal(await waiting, 'EOWNERDEAD')
  assert.equal(frame?.error?.code, 'EOWNERDEAD')
  frame.release()
  await assert.rejects(stream.receive(), { code: 'EOWNERDEAD' })
})

test('A producer that closes leaves the fences of its frames failed with ENOENT', async (t) => {
  const { queue, stream } = await queuePair(t)
  const passing = await queuePair(t, { stream: { fences: 'pass' } })
  for (const each of [queue, passing.queue]) publishPending(each)
  const frame = await passing.stream.receive()
  const waiting = errorCode(() => frame!.fence!.wait())
  for (const each of [queue, passing.queue]) await each.close()
  assert.equal(await waiting, 'ENOENT')
  using last = await stream.receive()
  assert.equal(last?.error?.code, 'ENOENT')
  last.release()
  assert.equal(await stream.receive(), undefined)
})

test('A buffer comes back when the fence of its release signals, and does not count as held till then', async (t) => {
  const { queue, stream } = await queuePair(t, { queue: { buffers: 3 } })
  await publish(queue)
  const fence = createFakeFence()
  const frame = await stream.receive()
  const { inode } = frame!.buffer
  frame!.release(fence)
  frame!.release()
  const consumer = queue.consumers[0]!
  assert.deepEqual([stream.held, consumer.held, consumer.releasing], [0, 0, 1])
  for (let i = 0; i < 6; i++) {
    const next = await queue.dequeue({ timeoutMs: 5000 })
    assert.notEqual(next.buffer.inode, inode)
    next.queue()
    using seen = await stream.receive()
    assert.equal(seen?.sequence, i + 2)
  }
  fence.signal()
  assert.equal(consumer.releasing, 0)
  const inodes = new Set<bigint>()
  for (let i = 0; i < 6; i++) {
    const next = await queue.dequeue({ timeoutMs: 5000 })
    inodes.add(next.buffer.inode)
    next.queue()
    ;(await stream.receive())?.release()
  }
  assert.ok(inodes.has(inode))
})

test('A waiting camera goes on when a release fence signals, with an error or without', async (t) => {
  for (const error of [undefined, new DmaBufError('EIO', 'render', 'The device is gone')]) {
    const { queue, stream } = await queuePair(t, { queue: { buffers: 3 } })
    const fences = [createFakeFence(), createFakeFence()]
    for (const fence of fences) {
      await publish(queue)
      ;(await stream.receive())!.release(fence)
    }
    await publish(queue)
    const waiting = queue.dequeue()
    assert.equal(await Promise.race([waiting, sleep(20)]), undefined)
    for (const fence of fences) fence.signal(error)
    ;(await waiting).cancel()
  }
})

test('A consumer whose release fences never signal is named, and by policy its buffers are replaced', async (t) => {
  const { queue, stream } = await queuePair(t, {
    queue: { buffers: 3, slowConsumer: { afterMs: 50, then: 'disconnect' } },
  })
  for (let i = 0; i < 2; i++) {
    await publish(queue)
    ;(await stream.receive())!.release(createFakeFence())
  }
  await publish(queue)
  await assert.rejects(queue.dequeue({ timeoutMs: 10 }), {
    message: /consumer 1 .* still uses 2 whose release fences are pending/,
  })
  const frame = await queue.dequeue({ timeoutMs: 5000 })
  assert.ok(frame.buffer.inode > 0n)
  frame.cancel()
  await assert.rejects(async () => {
    for (;;) (await stream.receive())?.release()
  }, /has not moved for 50 ms: disconnected/)
})

test('A consumer that dies gives back what its release fences kept', async (t) => {
  const path = socketPath(t)
  await using queue = await serveFrames(path, { ...SMALL, buffers: 3 })
  await using viewer = await Viewer.start(path)
  for (let i = 0; i < 2; i++) {
    await publish(queue)
    await viewer.remote.run(async ({ state, core }) => {
      const frame = await state.stream.receive()
      frame?.release(core.createTimeline('never').fence(1))
    })
  }
  await until(() => queue.consumers[0]?.releasing === 2)
  await publish(queue)
  const waiting = queue.dequeue({ timeoutMs: 10_000 })
  await viewer.remote.kill()
  ;(await waiting).cancel()
})

test('A frame whose own fence is pending comes back when both have signalled', async (t) => {
  const { queue, stream } = await queuePair(t, { stream: { fences: 'pass' } })
  const acquire = publishPending(queue)
  const frame = await stream.receive()
  frame!.release()
  const consumer = queue.consumers[0]!
  assert.deepEqual([consumer.held, consumer.releasing], [0, 1])
  acquire.signal()
  await until(() => consumer.releasing === 0)
})
