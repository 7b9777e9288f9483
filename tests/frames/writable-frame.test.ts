// Goal: a buffer that is being filled is published once, whole, or not at all.
// Method: both ends of a queue in this process; a viewer in another one where the memory itself is the point.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serveFrames } from '#src/linux/serve-frames.js'
import type { FrameMetadata } from '#src/frames/writable-frame.js'
import { queuePair } from '../helpers/queue-pair.js'
import { socketPath } from '../helpers/socket-path.js'
import { publish, Viewer } from '../helpers/viewer.js'

test('WritableFrame.queue publishes what was written, to every viewer', async (t) => {
  const path = socketPath(t)
  await using queue = await serveFrames(path, { lengthBytes: 10_000, buffers: 4 })
  await using first = await Viewer.start(path)
  await using second = await Viewer.start(path, { mode: 'latest' })
  await publish(queue, 42)
  const expected = [{ sequence: 1, missed: 0, lengthBytes: 10_000, value: 42 }]
  assert.deepEqual(await first.read(1), expected)
  assert.deepEqual(await second.read(1), expected)
})

test('A throw in the scope never publishes a half-written frame', async (t) => {
  const { queue, stream } = await queuePair(t)
  const failure = new Error('The camera failed')
  await assert.rejects(async () => {
    using frame = await queue.dequeue()
    frame.bytes.fill(1, 0, 100)
    throw failure
  }, failure)
  assert.equal(stream.tryReceive(), undefined)
  assert.deepEqual(queue.stats(), { queued: 0, cancelled: 1, dropped: 0, bytesCopied: 0 })
  await publish(queue, 2)
  using frame = await stream.receive()
  assert.equal(frame?.sequence, 1)
  assert.ok(frame.bytes.every((byte) => byte === 2))
})

test('WritableFrame.cancel gives the buffer back unseen, idempotently', async (t) => {
  const { queue, stream } = await queuePair(t)
  // Twelve times with six buffers: each comes back.
  for (let i = 0; i < 12; i++) {
    const frame = queue.tryDequeue()
    assert.ok(frame)
    frame.cancel()
    frame.cancel()
  }
  assert.equal(queue.stats().cancelled, 12)
  assert.equal(stream.tryReceive(), undefined)
})

test('A cancelled buffer serves a dequeue that waits', async (t) => {
  const { queue } = await queuePair(t, { queue: { buffers: 3 } })
  const frames = [await queue.dequeue(), await queue.dequeue(), await queue.dequeue()]
  const waiting = queue.dequeue()
  frames[1]?.cancel()
  ;(await waiting).cancel()
})

test('WritableFrame.queue fails with EBADF after queue() and after cancel()', async (t) => {
  const { queue, stream } = await queuePair(t)
  const queued = await queue.dequeue()
  queued.queue()
  assert.throws(() => queued.queue(), { code: 'EBADF' })
  const cancelled = await queue.dequeue()
  cancelled.cancel()
  assert.throws(() => cancelled.queue(), { code: 'EBADF' })
  ;(await stream.receive())?.release()
  assert.equal(stream.tryReceive(), undefined)
})

test('WritableFrame.cancel and leaving the scope do nothing after queue()', async (t) => {
  const { queue, stream } = await queuePair(t)
  {
    using frame = await queue.dequeue()
    frame.bytes.fill(5)
    frame.queue()
    frame.cancel()
  }
  using seen = await stream.receive()
  assert.equal(seen?.bytes[0], 5)
  assert.equal(queue.stats().cancelled, 0)
})

test('Every method of a WritableFrame fails with EBADF once it is queued or cancelled', async (t) => {
  const { queue } = await queuePair(t)
  const queued = await queue.dequeue()
  queued.queue()
  const cancelled = await queue.dequeue()
  cancelled.cancel()
  for (const frame of [queued, cancelled]) {
    assert.throws(() => frame.bytes, { code: 'EBADF' })
    assert.throws(() => frame.plane(0), { code: 'EBADF' })
    assert.throws(() => frame.zeroCopy, { code: 'EBADF' })
    assert.throws(() => frame.copyTo(new Uint8Array(4096)), { code: 'EBADF' })
    await assert.rejects(
      frame.lend(async () => {}),
      { code: 'EBADF' },
    )
  }
})

test('WritableFrame.bytes is dead once the frame is published', async (t) => {
  const { queue } = await queuePair(t)
  const frame = await queue.dequeue()
  const { bytes } = frame
  assert.equal(bytes.length, 4096)
  frame.queue()
  assert.equal(bytes.length, 0)
  bytes[0] = 1
})

test('WritableFrame.queue is refused with EBUSY while the frame is lent, and works afterwards', async (t) => {
  const { queue, stream } = await queuePair(t)
  const frame = await queue.dequeue()
  const { promise, resolve } = deferred()
  const loan = frame.lend(async (bytes) => {
    await promise
    bytes.fill(9)
  })
  assert.throws(() => frame.queue(), { code: 'EBUSY' })
  assert.equal(queue.stats().queued, 0)
  resolve()
  await loan
  frame.queue()
  using seen = await stream.receive()
  assert.ok(seen?.bytes.every((byte) => byte === 9))
})

test('A lent frame whose scope is left comes back when the loan settles, and not before', async (t) => {
  const { queue } = await queuePair(t, { queue: { buffers: 3 } })
  const others = [await queue.dequeue(), await queue.dequeue()]
  const { promise, resolve } = deferred()
  let loan: Promise<void>
  {
    using frame = await queue.dequeue()
    loan = frame.lend(() => promise)
  }
  assert.equal(queue.tryDequeue(), undefined)
  resolve()
  await loan
  queue.tryDequeue()?.cancel()
  assert.equal(queue.stats().cancelled, 2)
  for (const frame of others) frame.cancel()
})

test('A frame carries its metadata to the viewer', async (t) => {
  const { queue, stream } = await queuePair(t)
  const damage = [{ x: 1, y: 2, width: 3, height: 4 }]
  await publish(queue, 1, { timestampNs: 123_456_789_012_345, lengthBytes: 100, damage })
  using frame = await stream.receive()
  assert.equal(frame?.timestampNs, 123_456_789_012_345)
  assert.equal(frame.lengthBytes, 100)
  assert.equal(frame.bytes.length, 100)
  assert.deepEqual(frame.damage, damage)
})

test('A frame is stamped with the monotonic time at which it was queued', async (t) => {
  const { queue, stream } = await queuePair(t)
  const before = Number(process.hrtime.bigint())
  await publish(queue)
  const after = Number(process.hrtime.bigint())
  using frame = await stream.receive()
  assert.ok(frame !== undefined && frame.timestampNs >= before && frame.timestampNs <= after)
  assert.equal(frame.publishedNs, frame.timestampNs)
})

test('When a frame was queued is known, whatever its time stamp says', async (t) => {
  const { queue, stream } = await queuePair(t)
  const before = Number(process.hrtime.bigint())
  await publish(queue, 1, { timestampNs: 5 })
  const after = Number(process.hrtime.bigint())
  using frame = await stream.receive()
  assert.equal(frame?.timestampNs, 5)
  assert.ok(frame.publishedNs >= before && frame.publishedNs <= after)
})

test('A frame carries up to 8 damage rectangles; 9 mean all of it', async (t) => {
  const { queue, stream } = await queuePair(t)
  for (const count of [0, 1, 8, 9]) {
    const damage = Array.from({ length: count }, (_, i) => ({
      x: i,
      y: 2 ** 31 - 1,
      width: i + 1,
      height: 0,
    }))
    await publish(queue, 1, { damage })
    using frame = await stream.receive()
    assert.deepEqual(frame?.damage, count === 9 ? [] : damage)
  }
})

test('A frame may use all of its bytes, some, or none', async (t) => {
  const { queue, stream } = await queuePair(t)
  for (const lengthBytes of [0, 1, 4095, 4096]) {
    await publish(queue, 3, { lengthBytes })
    using frame = await stream.receive()
    assert.equal(frame?.bytes.length, lengthBytes)
    assert.ok(frame.bytes.every((byte) => byte === 3))
  }
})

test('Metadata that makes no sense is refused, and the frame may still be queued', async (t) => {
  const { queue, stream } = await queuePair(t)
  const rectangle = { x: 0, y: 0, width: 1, height: 1 }
  const wrong: FrameMetadata[] = [
    { lengthBytes: -1 },
    { lengthBytes: 4097 },
    { lengthBytes: 1.5 },
    { lengthBytes: Number.NaN },
    { timestampNs: -1 },
    { timestampNs: Number.NaN },
    { timestampNs: 2 ** 63 },
    { timestampNs: Infinity },
    { damage: [{ ...rectangle, x: -1 }] },
    { damage: [rectangle, { ...rectangle, y: 0.5 }] },
    { damage: [{ ...rectangle, width: 2 ** 31 }] },
    { damage: [{ ...rectangle, height: Number.NaN }] },
  ]
  const frame = await queue.dequeue()
  frame.bytes.fill(4)
  for (const metadata of wrong)
    assert.throws(() => frame.queue(metadata), RangeError, JSON.stringify(metadata))
  assert.equal(stream.tryReceive(), undefined)
  assert.equal(frame.bytes[0], 4)
  frame.queue({ timestampNs: 0 })
  using seen = await stream.receive()
  assert.equal(seen?.timestampNs, 0)
  assert.equal(seen.bytes[4095], 4)
})

test('Damage beyond the frame is refused where there is a format', async (t) => {
  const format = { fourcc: 'R8  ', width: 64, height: 64 }
  const { queue, stream } = await queuePair(t, { queue: { format, lengthBytes: 4096 } })
  const inside = { x: 60, y: 60, width: 4, height: 4 }
  const frame = await queue.dequeue()
  for (const outside of [
    { ...inside, width: 5 },
    { ...inside, height: 5 },
  ])
    assert.throws(() => frame.queue({ damage: [outside] }), {
      name: 'RangeError',
      message: /within the frame, 64x64/,
    })
  frame.queue({ damage: [inside] })
  using seen = await stream.receive()
  assert.deepEqual(seen?.damage, [inside])
})

test('A plane of which not all is used is refused; the bytes that are used can be read', async (t) => {
  const format = { fourcc: 'NV12', width: 64, height: 32 }
  const { queue, stream } = await queuePair(t, { queue: { format, lengthBytes: 4096 } })
  await publish(queue, 1, { lengthBytes: 64 * 32 })
  using seen = await stream.receive()
  assert.equal(seen?.plane(0).length, 64 * 32)
  assert.throws(() => seen.plane(1), {
    name: 'RangeError',
    message: /Plane 1 ends at 3072, of the frame 2048 bytes are used/,
  })
})

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => {}
  const promise = new Promise<void>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}
