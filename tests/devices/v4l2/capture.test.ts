// Goal: frames come in order with what was missed, a slow reader stops only the driver, and the end gives everything back.
// Method: a driver in memory; with a real one tests/kernel/v4l2.test.ts does the same.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as uapi from '#src/uapi/videodev2-buffers.js'
import { useManualClock } from '../../helpers/manual-clock.js'
import { FakeCamera } from '../../helpers/fake-camera.js'
import { mappedMemfds, openFds, settled } from '../../helpers/leaks.js'

/** Takes a picture as soon as it is waited for. */
function soon(camera: FakeCamera, flags = 0): void {
  setImmediate(() => {
    camera.shoot(flags)
  })
}

/** What this process has of the driver's buffers. */
function memfds(): readonly string[] {
  return [...openFds().filter((line) => line.includes('memfd:')), ...mappedMemfds()]
}

test('receive gives frames in order, with what was missed in between', async () => {
  using camera = new FakeCamera()
  await using capture = camera.capture({ buffers: 2 })
  assert.equal(camera.streams, false)
  soon(camera)
  const first = await capture.receive()
  assert.deepEqual([first?.sequence, first?.missed, first?.timestampNs], [0, 0, 2_000_005_000])
  assert.equal(first?.bytes.length, capture.lengthBytes)
  assert.equal(first.plane(1).length, (64 + 32) * 16)
  camera.shoot()
  const second = await capture.receive()
  // Both buffers are held: two pictures are lost.
  camera.shoot()
  camera.shoot()
  first.release()
  second?.release()
  soon(camera)
  const third = await capture.receive()
  assert.deepEqual([third?.sequence, third?.missed], [4, 2])
  const { frames: taken, missed, damaged } = capture.stats()
  assert.deepEqual([taken, missed, damaged], [3, 2, 0])
  third?.release()
})

test('receive waits for a frame to be given back where all are held', async () => {
  using camera = new FakeCamera()
  await using capture = camera.capture({ buffers: 1 })
  soon(camera)
  const held = await capture.receive()
  const next = capture.receive()
  await new Promise((resolve) => setImmediate(resolve))
  held?.release()
  soon(camera)
  using frame = await next
  assert.ok(frame)
})

test('stats tells how fast frames came, from the first to the last', async () => {
  using manual = useManualClock()
  using camera = new FakeCamera()
  await using capture = camera.capture({ buffers: 3 })
  assert.equal(capture.stats().framesPerSecond, undefined)
  const rates: unknown[] = []
  for (const waitMs of [5000, 40, 20]) {
    manual.clock.advance(waitMs)
    soon(camera)
    ;(await capture.receive())?.release()
    rates.push(capture.stats().framesPerSecond)
  }
  assert.deepEqual(rates, [undefined, 25, 2 / 0.06])
})

test('A damaged picture is marked, and counted', async () => {
  using camera = new FakeCamera()
  await using capture = camera.capture()
  soon(camera, uapi.V4L2_BUF_FLAG_ERROR)
  using frame = await capture.receive()
  assert.equal(frame?.damaged, true)
  assert.equal(capture.stats().damaged, 1)
})

test('receive takes a timeout and a signal, one at a time', async () => {
  using camera = new FakeCamera()
  await using capture = camera.capture()
  await assert.rejects(capture.receive({ timeoutMs: 1 }), { code: 'ETIMEDOUT' })
  const stop = new AbortController()
  const waiting = capture.receive({ signal: stop.signal })
  await assert.rejects(capture.receive(), { code: 'EBUSY' })
  stop.abort(new Error('stop'))
  await assert.rejects(waiting, /stop/)
  soon(camera)
  using frame = await capture.receive()
  assert.ok(frame)
})

test('close ends a loop, a frame that is held stays readable, and all is given back', async () => {
  using camera = new FakeCamera()
  await settled()
  const before = memfds()
  const capture = camera.capture()
  soon(camera)
  const held = await capture.receive()
  setImmediate(() => void capture.close())
  for await (const frame of capture) frame.release()
  assert.equal(capture.closed, true)
  assert.equal(camera.bufferCount, 0)
  assert.ok((held?.bytes.length ?? 0) > 0)
  held?.release()
  assert.throws(() => held?.bytes, { code: 'EBADF' })
  assert.equal(await capture.receive(), undefined)
  await assert.rejects(capture.into({} as never), { code: 'EBADF' })
  await settled()
  assert.deepEqual(memfds(), before)
})

test('A camera that is unplugged ends the loop with ENODEV, and the capture is closed', async () => {
  using camera = new FakeCamera()
  const capture = camera.capture()
  soon(camera)
  ;(await capture.receive())?.release()
  camera.failures.set(uapi.VIDIOC_DQBUF, 'ENODEV')
  await assert.rejects(capture.receive(), { code: 'ENODEV' })
  assert.equal(capture.closed, true)
})

test('A driver that fails to start leaves nothing, and can be tried again', async () => {
  using camera = new FakeCamera()
  await using capture = camera.capture()
  camera.failures.set(uapi.VIDIOC_STREAMON, 'EPIPE')
  await settled()
  const before = memfds()
  await assert.rejects(capture.receive(), { code: 'EPIPE' })
  await settled()
  assert.deepEqual(memfds(), before)
  soon(camera)
  using frame = await capture.receive()
  assert.ok(frame)
})

test('tryExport says whether the driver can, and leaves nothing', async () => {
  using camera = new FakeCamera()
  await using capture = camera.capture()
  await settled()
  const before = memfds()
  assert.equal(capture.tryExport(), undefined)
  camera.failures.set(uapi.VIDIOC_EXPBUF, 'ENOTTY')
  assert.equal(capture.tryExport()?.code, 'ENOTTY')
  await settled()
  assert.deepEqual(memfds(), before)
  assert.equal(camera.bufferCount, 0)
  camera.failures.set(uapi.VIDIOC_REQBUFS, 'EBUSY')
  assert.throws(() => capture.tryExport(), { code: 'EBUSY' })
})

test('A capture gives frames, or fills a queue, not both', async () => {
  using camera = new FakeCamera()
  await using capture = camera.capture()
  soon(camera)
  ;(await capture.receive())?.release()
  const queue = { lengthBytes: capture.lengthBytes } as never
  await assert.rejects(capture.into(queue), { code: 'EBUSY' })
})
