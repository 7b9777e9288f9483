// Goal: a queue loses no frame, stalls its camera only for viewers that want every frame, and gets back
// what the dead, the slow and the hostile held.
// Method: the camera is this process, viewers are processes of their own.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DmaBufError, onWarning, type Warning } from '#src/index.js'
import type { ConsumerChange } from '#src/frames/frame-queue.js'
import { connectFrames } from '#src/linux/connect-frames.js'
import { serveFrames } from '#src/linux/serve-frames.js'
import { countResources, settled, until } from '../helpers/leaks.js'
import { socketPath } from '../helpers/socket-path.js'
import { publish, Viewer } from '../helpers/viewer.js'

const SMALL = { lengthBytes: 4096 }

test('A FIFO viewer reads every frame once and in order', async (t) => {
  const path = socketPath(t)
  await using queue = await serveFrames(path, { ...SMALL, buffers: 3 })
  await using viewer = await Viewer.start(path)
  const reading = viewer.read(200)
  for (let i = 1; i <= 200; i++) await publish(queue, i & 255)
  const expected = Array.from({ length: 200 }, (_, i) => ({
    sequence: i + 1,
    missed: 0,
    lengthBytes: 4096,
    value: (i + 1) & 255,
  }))
  assert.deepEqual(await reading, expected)
})

test('FrameQueue.dequeue waits while a FIFO viewer has not read, and goes on when it reads', async (t) => {
  const path = socketPath(t)
  // So patient that only the viewer's own ring can wake the camera in time.
  const slowConsumer = { afterMs: 600_000, then: 'wait' as const }
  await using queue = await serveFrames(path, { ...SMALL, buffers: 3, slowConsumer })
  await using viewer = await Viewer.start(path)
  for (let i = 1; i <= 3; i++) await publish(queue)
  let isDone = false
  const waiting = queue.dequeue({ timeoutMs: 10_000 }).then((frame) => {
    isDone = true
    return frame
  })
  await settled()
  assert.equal(isDone, false)
  await viewer.hold()
  await settled()
  assert.equal(isDone, false)
  await viewer.release()
  const frame = await waiting
  frame.cancel()
})

test('FrameQueue.dequeue times out with the pid of the viewer, what it holds and what it has to read', async (t) => {
  const path = socketPath(t)
  await using queue = await serveFrames(path, { ...SMALL, buffers: 3 })
  await using viewer = await Viewer.start(path)
  for (let i = 1; i <= 3; i++) await publish(queue)
  await viewer.hold()
  await assert.rejects(queue.dequeue({ timeoutMs: 20 }), (error) => {
    assert.ok(DmaBufError.is(error, 'ETIMEDOUT'))
    const blocker = `consumer 1 (pid ${viewer.pid}, fifo) holds 1, has 2 to read`
    assert.equal(error.message, `ETIMEDOUT: dequeue timed out after 20 ms: ${blocker}`)
    return true
  })
})

test('FrameQueue.stalledBy names who stalls a waiting dequeue, and nobody otherwise', async (t) => {
  const path = socketPath(t)
  await using queue = await serveFrames(path, { ...SMALL, buffers: 4 })
  await using stuck = await Viewer.start(path)
  await using reader = await Viewer.start(path)
  const reading = reader.read()
  for (let i = 1; i <= 4; i++) await publish(queue)
  assert.equal(queue.stalledBy.length, 0)
  const waiting = queue.dequeue()
  await until(() => queue.stalledBy.length === 1)
  assert.equal(queue.stalledBy[0]?.pid, stuck.pid)
  await stuck.read(4)
  const frame = await waiting
  assert.equal(queue.stalledBy.length, 0)
  frame.cancel()
  await queue.close()
  assert.equal((await reading).length, 4)
})

test('A latest viewer that holds a frame for ever never stalls its camera', async (t) => {
  const path = socketPath(t)
  // Exactly as many as are needed: its cap, one being filled, one newest.
  await using queue = await serveFrames(path, { ...SMALL, buffers: 3 })
  await using viewer = await Viewer.start(path, { mode: 'latest' })
  await publish(queue)
  const [held] = await viewer.hold()
  for (let i = 0; i < 1000; i++) {
    const frame = queue.tryDequeue()
    assert.ok(frame, `Frame ${i} had no buffer`)
    frame.bytes.fill(i & 255)
    frame.queue()
  }
  assert.equal(queue.stats().dropped, 0)
  assert.deepEqual(held, { sequence: 1, missed: 0, lengthBytes: 4096, value: 1 })
  await viewer.release()
  assert.deepEqual(await viewer.hold(), [
    { sequence: 1001, missed: 999, lengthBytes: 4096, value: 999 & 255 },
  ])
})

test('Latest viewers with caps 1 and 3 never stall their camera with the sum of the caps and 2 buffers', async (t) => {
  const path = socketPath(t)
  await using queue = await serveFrames(path, { ...SMALL, buffers: 6 })
  await using one = await Viewer.start(path, { mode: 'latest' })
  await using three = await Viewer.start(path, { mode: 'latest', maxHeld: 3 })
  for (let i = 0; i < 3; i++) {
    await publish(queue)
    await three.hold()
    if (i === 0) await one.hold()
  }
  for (let i = 0; i < 100; i++) {
    const frame = queue.tryDequeue()
    assert.ok(frame, `Frame ${i} had no buffer`)
    frame.queue()
  }
  assert.deepEqual(
    queue.consumers.map(({ mode, held, maxHeld }) => ({ mode, held, maxHeld })),
    [
      { mode: 'latest', held: 1, maxHeld: 1 },
      { mode: 'latest', held: 3, maxHeld: 3 },
    ],
  )
})

test('A viewer that the buffers do not suffice for is refused with the number to set', async (t) => {
  const path = socketPath(t)
  await using queue = await serveFrames(path, { ...SMALL, buffers: 4 })
  await using first = await Viewer.start(path)
  await assert.rejects(connectFrames(path, { maxHeld: 2 }), {
    code: 'EBUSY',
    message:
      'EBUSY: The queue has 4 buffers, this viewer and those before it need 5: serveFrames with { buffers: 5 }, or dmabuf camera --buffers 5',
  })
  await using second = await Viewer.start(path)
  assert.deepEqual(
    queue.consumers.map(({ pid }) => pid),
    [first.pid, second.pid],
  )
})

test('A viewer may join again when another has left', async (t) => {
  const path = socketPath(t)
  await using queue = await serveFrames(path, { ...SMALL, buffers: 3 })
  await using viewer = await Viewer.start(path)
  await assert.rejects(connectFrames(path), { code: 'EBUSY' })
  await viewer.close()
  await until(() => queue.consumers.length === 0)
  await using stream = await connectFrames(path)
  assert.equal(stream.held, 0)
})

test('A queue admits maxConsumers and refuses the next in words', async (t) => {
  const path = socketPath(t)
  await using _queue = await serveFrames(path, { ...SMALL, buffers: 8, maxConsumers: 1 })
  await using _stream = await connectFrames(path)
  await assert.rejects(connectFrames(path), {
    code: 'EBUSY',
    message: 'EBUSY: The queue admits 1 consumers',
  })
})

test('A FIFO viewer that joins late gets the frames published from then on', async (t) => {
  const path = socketPath(t)
  await using queue = await serveFrames(path, { ...SMALL, buffers: 4 })
  for (let i = 1; i <= 5; i++) await publish(queue)
  await using stream = await connectFrames(path)
  assert.equal(stream.tryReceive(), undefined)
  await publish(queue)
  using frame = stream.tryReceive()
  assert.equal(frame?.sequence, 6)
})

test('A latest viewer that joins late gets the newest frame at once', async (t) => {
  const path = socketPath(t)
  await using queue = await serveFrames(path, { ...SMALL, buffers: 4 })
  for (let i = 1; i <= 5; i++) await publish(queue)
  await using stream = await connectFrames(path, { mode: 'latest' })
  using frame = stream.tryReceive()
  assert.equal(frame?.sequence, 5)
  assert.equal(frame.missed, 0)
})

test('A queue without viewers never stalls its camera', async (t) => {
  await using queue = await serveFrames(socketPath(t), { ...SMALL, buffers: 2 })
  for (let i = 0; i < 100; i++) {
    const frame = queue.tryDequeue()
    assert.ok(frame)
    frame.queue()
  }
})

test('FrameQueue.tryDequeue drops and counts where a viewer stalls it', async (t) => {
  const path = socketPath(t)
  await using queue = await serveFrames(path, { ...SMALL, buffers: 3 })
  await using _stream = await connectFrames(path)
  for (let i = 0; i < 3; i++) queue.tryDequeue()?.queue()
  assert.equal(queue.tryDequeue(), undefined)
  assert.equal(queue.tryDequeue(), undefined)
  queue.tryDequeue()?.cancel()
  assert.deepEqual(queue.stats(), { queued: 3, cancelled: 0, dropped: 3, bytesCopied: 0 })
})

test('FrameQueue.dequeue serves waiting calls in the order they came', async (t) => {
  const path = socketPath(t)
  await using queue = await serveFrames(path, { ...SMALL, buffers: 3 })
  await using stream = await connectFrames(path)
  for (let i = 0; i < 3; i++) await publish(queue)
  const order: number[] = []
  const waiting = [1, 2].map(async (number) => {
    const frame = await queue.dequeue()
    order.push(number)
    frame.queue()
  })
  for (let i = 0; i < 3; i++) (await stream.receive())?.release()
  await Promise.all(waiting)
  assert.deepEqual(order, [1, 2])
})

test('FrameQueue.dequeue rejects with the reason of a signal aborted before or during the wait', async (t) => {
  const path = socketPath(t)
  await using queue = await serveFrames(path, { ...SMALL, buffers: 3 })
  const reason = new Error('Enough')
  // Even where a buffer is free: a loop must be able to end.
  await assert.rejects(queue.dequeue({ signal: AbortSignal.abort(reason) }), reason)
  await using _stream = await connectFrames(path)
  for (let i = 0; i < 3; i++) await publish(queue)
  const controller = new AbortController()
  const waiting = queue.dequeue({ signal: controller.signal })
  controller.abort(reason)
  await assert.rejects(waiting, reason)
  assert.deepEqual(queue.stalledBy, [])
})

test('FrameQueue.dequeue takes a timeout from 0', async (t) => {
  const path = socketPath(t)
  await using queue = await serveFrames(path, { ...SMALL, buffers: 3 })
  await assert.rejects(queue.dequeue({ timeoutMs: -1 }), RangeError)
  await assert.rejects(queue.dequeue({ timeoutMs: Number.NaN }), RangeError)
  const frame = await queue.dequeue({ timeoutMs: 0 })
  frame.queue()
  await using _stream = await connectFrames(path)
  for (let i = 0; i < 3; i++) await publish(queue)
  await assert.rejects(queue.dequeue({ timeoutMs: 0 }), { code: 'ETIMEDOUT' })
})

test('FrameQueue.dequeue lets the event loop turn though there is always a buffer', async (t) => {
  await using queue = await serveFrames(socketPath(t), { ...SMALL, buffers: 2 })
  let hasTurned = false
  setImmediate(() => {
    hasTurned = true
  })
  const deadline = performance.now() + 10_000
  while (!hasTurned && performance.now() < deadline) (await queue.dequeue()).queue()
  assert.equal(hasTurned, true)
})

test('FrameQueue.close lets FIFO viewers read what is published, and ends their loops', async (t) => {
  const path = socketPath(t)
  await using queue = await serveFrames(path, { ...SMALL, buffers: 4 })
  await using viewer = await Viewer.start(path)
  for (let i = 1; i <= 4; i++) await publish(queue, i)
  await queue.close()
  assert.deepEqual(
    (await viewer.read()).map(({ value }) => value),
    [1, 2, 3, 4],
  )
})

test('FrameQueue.close is idempotent, rejects waiting dequeues, and every method afterwards fails with EBADF', async (t) => {
  const path = socketPath(t)
  const queue = await serveFrames(path, { ...SMALL, buffers: 3 })
  await using stream = await connectFrames(path)
  const filling = await queue.dequeue()
  const unqueued = await queue.dequeue()
  await publish(queue)
  const waiting = assert.rejects(queue.dequeue(), { code: 'EBADF' })
  await queue.close()
  await queue.close()
  await waiting
  await assert.rejects(queue.dequeue(), { code: 'EBADF' })
  assert.throws(() => queue.tryDequeue(), { code: 'EBADF' })
  assert.throws(() => filling.queue(), { code: 'EBADF' })
  unqueued.cancel()
  assert.deepEqual(queue.consumers, [])
  assert.equal((await stream.receive())?.sequence, 1)
})

test('FrameQueue.close ends a link whose peer never joined', async (t) => {
  const path = socketPath(t)
  const { connectLink } = await import('#src/linux/link-connect.js')
  const queue = await serveFrames(path, SMALL)
  await using link = await connectLink(path)
  const ended = new Promise<unknown>((resolve) => link.onEnd(({ error }) => resolve(error.message)))
  // The queue must have accepted it before it closes.
  await settled()
  await queue.close()
  assert.equal(await ended, 'EPIPE: The queue is closed')
})

test('FrameQueue.watchConsumers tells who came and who left with how many frames', async (t) => {
  const path = socketPath(t)
  await using queue = await serveFrames(path, { ...SMALL, buffers: 3 })
  const changes: string[] = []
  using _watch = queue.watchConsumers(({ change, consumer, heldAtEnd }: ConsumerChange) => {
    changes.push(`${change} ${consumer.pid} ${heldAtEnd}`)
  })
  await using viewer = await Viewer.start(path)
  await publish(queue)
  await viewer.hold()
  await viewer.remote.kill()
  await until(() => changes.length === 2)
  assert.deepEqual(changes, [`joined ${viewer.pid} 0`, `left ${viewer.pid} 1`])
})

test("A slow consumer is reported once and waited for where the policy says 'wait'", async (t) => {
  const path = socketPath(t)
  const slowConsumer = { afterMs: 20, then: 'wait' as const }
  await using queue = await serveFrames(path, { ...SMALL, buffers: 3, slowConsumer })
  await using viewer = await Viewer.start(path)
  const warnings: Warning[] = []
  using _hook = onWarning((warning) => warnings.push(warning))
  for (let i = 0; i < 3; i++) await publish(queue)
  const waiting = queue.dequeue()
  await until(() => warnings.length > 0)
  assert.equal(warnings[0]?.rule, 'DMABUF_SLOW_CONSUMER')
  assert.equal(
    warnings[0].message,
    `Consumer 1 (pid ${viewer.pid}) has not moved for 20 ms: the queue waits for it`,
  )
  assert.equal(queue.consumers[0]?.evicted, false)
  await viewer.read(3)
  const frame = await waiting
  frame.cancel()
})

test("A slow consumer is told to leave where the policy says 'disconnect'", async (t) => {
  const path = socketPath(t)
  const slowConsumer = { afterMs: 20, then: 'disconnect' as const }
  await using queue = await serveFrames(path, { ...SMALL, buffers: 3, slowConsumer })
  await using viewer = await Viewer.start(path)
  for (let i = 0; i < 4; i++) await publish(queue)
  await assert.rejects(viewer.read(), {
    code: 'ETIMEDOUT',
    message: `ETIMEDOUT: Consumer 1 (pid ${viewer.pid}) has not moved for 20 ms: disconnected`,
  })
})

test('Nobody is told to leave for holding frames within its cap', async (t) => {
  const path = socketPath(t)
  const slowConsumer = { afterMs: 20, then: 'disconnect' as const }
  await using queue = await serveFrames(path, { ...SMALL, buffers: 4, slowConsumer })
  await using patient = await Viewer.start(path, { mode: 'latest' })
  await using stuck = await Viewer.start(path)
  await publish(queue)
  await patient.hold()
  for (let i = 0; i < 4; i++) await publish(queue)
  assert.deepEqual(
    queue.consumers.map(({ pid, evicted }) => ({ pid, evicted })),
    [
      { pid: patient.pid, evicted: false },
      { pid: stuck.pid, evicted: true },
    ],
  )
})

test('A camera that dropped one frame and goes on tells nobody to leave', async (t) => {
  const path = socketPath(t)
  const slowConsumer = { afterMs: 30, then: 'disconnect' as const }
  await using queue = await serveFrames(path, { ...SMALL, buffers: 4, slowConsumer })
  await using idle = await connectFrames(path)
  await using reader = await connectFrames(path)
  for (let i = 0; i < 4; i++) await publish(queue)
  for (let i = 0; i < 3; i++) idle.tryReceive()?.release()
  assert.equal(queue.tryDequeue(), undefined)
  // The reader moves, the idle one stands still from now on; but nothing is stalled any more.
  for (let i = 0; i < 4; i++) reader.tryReceive()?.release()
  using frame = queue.tryDequeue()
  assert.ok(frame)
  const before = performance.now()
  await until(() => performance.now() - before > 60)
  assert.deepEqual(
    queue.consumers.map(({ evicted }) => evicted),
    [false, false],
  )
})

test('FrameQueue.disconnect tells one viewer to leave with a reason; others go on', async (t) => {
  const path = socketPath(t)
  await using queue = await serveFrames(path, { ...SMALL, buffers: 4 })
  await using first = await Viewer.start(path)
  await using second = await connectFrames(path)
  const failing = assert.rejects(first.read(), { code: 'EPERM', message: 'EPERM: You again' })
  const consumer = queue.consumers[0]
  assert.ok(consumer)
  queue.disconnect(consumer, new DmaBufError('EPERM', 'queue', 'You again'))
  queue.disconnect(consumer)
  await failing
  await publish(queue)
  using frame = await second.receive()
  assert.equal(frame?.sequence, 1)
})

test('FrameQueue returns every descriptor and mapping when it closes', async (t) => {
  const path = socketPath(t)
  await settled()
  const before = countResources()
  {
    await using queue = await serveFrames(path, { ...SMALL, buffers: 5 })
    await using _stream = await connectFrames(path)
    await using viewer = await Viewer.start(path)
    for (let i = 0; i < 3; i++) await publish(queue)
    await viewer.hold()
  }
  await settled()
  assert.deepEqual(countResources(), before)
})
