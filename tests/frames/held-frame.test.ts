// Goal: bytes die with their frame, loans keep it alive, and nothing is ever read from memory that is gone.
// Method: both ends of a queue in this process, a camera that never pauses in another.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { gunzipSync, gzip } from 'node:zlib'
import type { FrameFormat } from '#src/index.js'
import { connectFrames } from '#src/linux/connect-frames.js'
import { serveFrames } from '#src/linux/serve-frames.js'
import { Camera } from '../helpers/camera.js'
import { settled, until } from '../helpers/leaks.js'
import { queuePair } from '../helpers/queue-pair.js'
import { socketPath } from '../helpers/socket-path.js'
import { publish } from '../helpers/viewer.js'

const compress = promisify(gzip)

test('HeldFrame.bytes is the same view each time, and zero-copy', async (t) => {
  const { queue, stream } = await queuePair(t)
  await publish(queue)
  using frame = await stream.receive()
  assert.equal(frame?.bytes, frame?.bytes)
  assert.equal(frame?.zeroCopy, true)
})

test('HeldFrame.bytes is detached when the frame is released', async (t) => {
  const { queue, stream } = await queuePair(t)
  await publish(queue, 6)
  const frame = await stream.receive()
  assert.ok(frame)
  const { bytes } = frame
  const part = bytes.subarray(100, 200)
  assert.deepEqual([bytes.length, part.length, part[0]], [4096, 100, 6])
  frame.release()
  assert.deepEqual([bytes.length, part.length, part[0]], [0, 0, undefined])
  assert.throws(() => bytes.slice(), TypeError)
})

test('HeldFrame.bytes whose ArrayBuffer was taken stays readable after the release', async (t) => {
  const { queue, stream } = await queuePair(t)
  await publish(queue, 6)
  const frame = await stream.receive()
  assert.ok(frame)
  const { buffer } = frame.bytes
  frame.release()
  assert.equal(buffer.byteLength, 4096)
})

test('HeldFrame.plane is the bytes of one plane', async (t) => {
  const format: FrameFormat = { fourcc: 'YU12', width: 4, height: 2 }
  const { queue, stream } = await queuePair(t, { queue: { format, lengthBytes: 4096 } })
  const writable = await queue.dequeue()
  for (let i = 0; i < 3; i++) writable.plane(i).fill(i + 1)
  writable.queue()
  using frame = await stream.receive()
  assert.ok(frame)
  const planes = [0, 1, 2].map((i) => Array.from(frame.plane(i)))
  assert.deepEqual(planes, [
    [1, 1, 1, 1, 1, 1, 1, 1],
    [2, 2],
    [3, 3],
  ])
  for (const index of [-1, 3, 0.5, Number.NaN])
    assert.throws(() => frame.plane(index), { name: 'RangeError', message: /has no plane/ })
})

test('HeldFrame.plane(0) of plain bytes is all of them', async (t) => {
  const { queue, stream } = await queuePair(t)
  await publish(queue)
  using frame = await stream.receive()
  assert.equal(frame?.plane(0), frame?.bytes)
  assert.throws(() => frame?.plane(1), RangeError)
})

test('HeldFrame.copyTo copies the bytes and counts them', async (t) => {
  const { queue, stream } = await queuePair(t)
  await publish(queue, 8)
  using frame = await stream.receive()
  assert.ok(frame)
  const target = new Uint8Array(5000)
  assert.equal(frame.copyTo(target), 4096)
  assert.deepEqual([target[0], target[4095], target[4096]], [8, 8, 0])
  assert.equal(stream.stats().bytesCopied, 4096)
  assert.throws(() => frame.copyTo(new Uint8Array(4095)), RangeError)
  assert.equal(stream.stats().bytesCopied, 4096)
})

test('HeldFrame.lend keeps the frame past its release and its scope until the promise settles', async (t) => {
  const { queue, stream } = await queuePair(t)
  await publish(queue, 1)
  await publish(queue, 2)
  let finish: (value: string) => void = () => {}
  let loan: Promise<string>
  {
    using frame = await stream.receive()
    assert.ok(frame)
    loan = frame.lend((bytes) => {
      assert.equal(bytes.length, 4096)
      return new Promise<string>((resolve) => {
        finish = (value) => {
          resolve(`${value} ${bytes[0]}`)
        }
      })
    })
    frame.release()
  }
  await settled()
  assert.equal(stream.held, 1)
  assert.equal(stream.tryReceive(), undefined)
  finish('done')
  assert.equal(await loan, 'done 1')
  assert.equal(stream.held, 0)
  using next = stream.tryReceive()
  assert.equal(next?.bytes[0], 2)
})

test('HeldFrame.lend gives the frame back when its promise rejects, and passes the error on', async (t) => {
  const { queue, stream } = await queuePair(t)
  await publish(queue)
  const failure = new Error('Could not encode')
  const frame = await stream.receive()
  const loan = frame?.lend(() => Promise.reject(failure))
  frame?.release()
  await assert.rejects(loan ?? Promise.resolve(), failure)
  assert.equal(stream.held, 0)
})

test('HeldFrame.lend gives the frame back when its function throws', async (t) => {
  const { queue, stream } = await queuePair(t)
  await publish(queue)
  const failure = new Error('Could not even begin')
  const frame = await stream.receive()
  const loan = frame?.lend(() => {
    throw failure
  })
  frame?.release()
  await assert.rejects(loan ?? Promise.resolve(), failure)
  assert.equal(stream.held, 0)
})

test('HeldFrame.lend of several loans gives the frame back with the last', async (t) => {
  const { queue, stream } = await queuePair(t)
  await publish(queue)
  const finish: (() => void)[] = []
  const frame = await stream.receive()
  assert.ok(frame)
  const loans = [0, 1].map(() =>
    frame.lend(() => new Promise<void>((resolve) => finish.push(resolve))),
  )
  frame.release()
  finish[1]?.()
  await loans[1]
  assert.equal(stream.held, 1)
  finish[0]?.()
  await loans[0]
  assert.equal(stream.held, 0)
})

test('An un-awaited lend into zlib is byte-exact while the camera runs on', async (t) => {
  const path = socketPath(t)
  const lengthBytes = 300_000
  await using camera = await Camera.start(path, { lengthBytes, buffers: 8 })
  await using stream = await connectFrames(path, { mode: 'latest', maxHeld: 4 })
  await camera.run()
  const loans: Promise<{ sequence: number; bytes: Buffer }>[] = []
  while (loans.length < 40) {
    using frame = await stream.receive({ timeoutMs: 10_000 })
    assert.ok(frame)
    const { sequence } = frame
    loans.push(
      frame.lend(async (bytes) => ({ sequence, bytes: gunzipSync(await compress(bytes)) })),
    )
  }
  const results = await Promise.all(loans)
  const published = await camera.stop()
  assert.ok(published > 40)
  for (const { sequence, bytes } of results) {
    assert.equal(bytes.length, lengthBytes)
    assert.ok(bytes.equals(Buffer.alloc(lengthBytes, sequence & 255)), `Frame ${sequence} was torn`)
  }
})

test('A loan outlives the stream and the death of the camera', async (t) => {
  const path = socketPath(t)
  await using camera = await Camera.start(path, { lengthBytes: 4096, buffers: 3 })
  const stream = await connectFrames(path)
  await camera.publish(1)
  const frame = await stream.receive()
  assert.ok(frame)
  let finish: () => void = () => {}
  const loan = frame.lend(async (bytes) => {
    await new Promise<void>((resolve) => (finish = resolve))
    return bytes.every((byte) => byte === 1)
  })
  await camera.remote.kill()
  await stream.close()
  await settled()
  finish()
  assert.equal(await loan, true)
})

test('A loan outlives the queue of a writable frame', async (t) => {
  const path = socketPath(t)
  const queue = await serveFrames(path, { lengthBytes: 4096 })
  const frame = await queue.dequeue()
  let finish: () => void = () => {}
  let isWritten = false
  const loan = frame.lend(async (bytes) => {
    await new Promise<void>((resolve) => (finish = resolve))
    bytes.fill(1)
    isWritten = bytes[4095] === 1
  })
  await queue.close()
  finish()
  await loan
  await until(() => isWritten)
})
