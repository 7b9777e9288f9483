// Goal: a received frame says what it is, and its buffer goes back once, when it is released.
// Method: both ends of a queue in this process.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FrameFormat } from '#src/index.js'
import { queuePair } from '../helpers/queue-pair.js'
import { publish } from '../helpers/viewer.js'

test('Frame.sequence counts from 1, whatever was cancelled in between', async (t) => {
  const { queue, stream } = await queuePair(t)
  await publish(queue)
  queue.tryDequeue()?.cancel()
  await publish(queue)
  const sequences: unknown[] = []
  for (let i = 0; i < 2; i++) {
    using frame = await stream.receive()
    sequences.push(frame?.sequence)
  }
  assert.deepEqual(sequences, [1, 2])
})

test('Frame.format is the format of the queue, worked out', async (t) => {
  const format: FrameFormat = { fourcc: 'YU12', width: 6, height: 3 }
  const { queue, stream } = await queuePair(t, { queue: { format, lengthBytes: 40 } })
  await publish(queue)
  using frame = await stream.receive()
  assert.deepEqual(frame?.format, {
    fourcc: 'YU12',
    modifier: 0n,
    width: 6,
    height: 3,
    planes: [
      { offsetBytes: 0, strideBytes: 6, rowCount: 3 },
      { offsetBytes: 18, strideBytes: 3, rowCount: 2 },
      { offsetBytes: 24, strideBytes: 3, rowCount: 2 },
    ],
  })
  assert.equal(frame.bytes.length, 40)
})

test('Frame.format carries a modifier of 64 bits, colour, and up to four planes as they were given', async (t) => {
  const planes = [0, 1, 2, 3].map((i) => ({ offsetBytes: i * 1024, strideBytes: 64, rowCount: 16 }))
  const format: FrameFormat = {
    fourcc: 'ZZ99',
    modifier: 0xfedc_ba98_7654_3210n,
    width: 16_384,
    height: 1,
    planes,
    color: { range: 'full', matrix: 'bt2020' },
  }
  const { queue, stream } = await queuePair(t, { queue: { format, lengthBytes: 4096 } })
  await publish(queue)
  using frame = await stream.receive()
  assert.deepEqual(frame?.format, format)
})

test('Frame.format is undefined for plain bytes', async (t) => {
  const { queue, stream } = await queuePair(t)
  await publish(queue)
  using frame = await stream.receive()
  assert.equal(frame?.format, undefined)
})

test('Frame.release gives the buffer back, idempotently', async (t) => {
  const { queue, stream } = await queuePair(t, { stream: { maxHeld: 2 } })
  await publish(queue)
  await publish(queue)
  const first = await stream.receive()
  const second = await stream.receive()
  assert.equal(stream.held, 2)
  assert.equal(queue.consumers[0]?.held, 2)
  first?.release()
  first?.release()
  first?.[Symbol.dispose]()
  assert.equal(stream.held, 1)
  assert.equal(queue.consumers[0].held, 1)
  second?.release()
  assert.equal(stream.held, 0)
})

test('A frame that is held is not refilled, however much is published', async (t) => {
  const { queue, stream } = await queuePair(t, {
    stream: { mode: 'latest' },
    queue: { buffers: 3 },
  })
  await publish(queue, 77)
  using frame = await stream.receive()
  for (let i = 0; i < 50; i++) await publish(queue, i)
  assert.ok(frame?.bytes.every((byte) => byte === 77))
})

test('Every method of a Frame fails with EBADF once it is released', async (t) => {
  const { queue, stream } = await queuePair(t)
  await publish(queue, 1, { timestampNs: 5 })
  const frame = await stream.receive()
  assert.ok(frame)
  frame.release()
  assert.throws(() => frame.bytes, { code: 'EBADF' })
  assert.throws(() => frame.plane(0), { code: 'EBADF' })
  assert.throws(() => frame.zeroCopy, { code: 'EBADF' })
  assert.throws(() => frame.copyTo(new Uint8Array(4096)), { code: 'EBADF' })
  await assert.rejects(
    frame.lend(async () => {}),
    { code: 'EBADF' },
  )
  // What was said of it stays known.
  assert.equal(frame.timestampNs, 5)
})

test("A viewer's stores stay in its process unless it asked for 'readwrite'", async (t) => {
  for (const access of ['read', 'readwrite'] as const) {
    const { queue, stream } = await queuePair(t, { stream: { access }, queue: { buffers: 3 } })
    await publish(queue, 1)
    const frame = await stream.receive()
    assert.ok(frame)
    frame.bytes.fill(200)
    frame.release()
    const seen: number[] = []
    for (let i = 0; i < 3; i++) {
      const writable = await queue.dequeue()
      seen.push(writable.bytes[0] ?? -1)
      writable.queue()
      ;(await stream.receive())?.release()
    }
    assert.equal(seen.includes(200), access === 'readwrite')
  }
})
