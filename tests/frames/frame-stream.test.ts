// Goal: a stream hands out frames in every way of reading, ends after a clean close, and fails after a death.
// Method: cameras are processes of their own where it matters how they end; otherwise both ends are here.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectFrames } from '#src/linux/connect-frames.js'
import type { Frame } from '#src/frames/frame.js'
import { serveFrames } from '#src/linux/serve-frames.js'
import { Camera } from '../helpers/camera.js'
import { settled, until } from '../helpers/leaks.js'
import { queuePair } from '../helpers/queue-pair.js'
import { socketPath } from '../helpers/socket-path.js'
import { publish } from '../helpers/viewer.js'

test('FrameStream is iterated with for await until the camera closes', async (t) => {
  const path = socketPath(t)
  await using camera = await Camera.start(path, { lengthBytes: 4096, buffers: 3 })
  await using stream = await connectFrames(path)
  const publishing = camera.publish(100).then(() => camera.close())
  const sequences: number[] = []
  for await (using frame of stream) {
    assert.ok(frame.bytes.every((byte) => byte === (frame.sequence & 255)))
    sequences.push(frame.sequence)
  }
  await publishing
  assert.deepEqual(
    sequences,
    Array.from({ length: 100 }, (_, i) => i + 1),
  )
})

test('FrameStream is iterated with plain next(), which stays done after the end', async (t) => {
  const { queue, stream } = await queuePair(t)
  const iterator = stream[Symbol.asyncIterator]()
  const waiting = iterator.next()
  await publish(queue)
  const first = await waiting
  assert.equal(first.value?.sequence, 1)
  first.value.release()
  await publish(queue)
  await queue.close()
  const second = await iterator.next()
  assert.equal(second.value?.sequence, 2)
  second.value.release()
  assert.deepEqual(await iterator.next(), { done: true, value: undefined })
  assert.deepEqual(await iterator.next(), { done: true, value: undefined })
})

test('Leaving a for await loop keeps the stream open', async (t) => {
  const { queue, stream } = await queuePair(t)
  await publish(queue)
  await publish(queue)
  for await (using frame of stream) {
    assert.equal(frame.sequence, 1)
    break
  }
  using frame = await stream.receive()
  assert.equal(frame?.sequence, 2)
})

test('Several next() calls at once get the frames in order', async (t) => {
  const { queue, stream } = await queuePair(t, { stream: { maxHeld: 3 } })
  const iterator = stream[Symbol.asyncIterator]()
  const results = Promise.all([iterator.next(), iterator.next(), iterator.next()])
  for (let i = 0; i < 3; i++) await publish(queue)
  assert.deepEqual(
    (await results).map(({ value }) => value?.sequence),
    [1, 2, 3],
  )
})

test('FrameStream.receive resolves to the next frame, and to undefined after a clean close', async (t) => {
  const { queue, stream } = await queuePair(t)
  const waiting = stream.receive()
  await publish(queue)
  const frame = await waiting
  assert.equal(frame?.sequence, 1)
  frame.release()
  const ending = stream.receive()
  await queue.close()
  assert.equal(await ending, undefined)
  assert.equal(await stream.receive(), undefined)
})

test('FrameStream.receive waits while maxHeld frames are held, and says so when it times out', async (t) => {
  for (const maxHeld of [1, 3]) {
    const { queue, stream } = await queuePair(t, { stream: { maxHeld } })
    for (let i = 0; i <= maxHeld; i++) await publish(queue)
    const held: Frame[] = []
    for (let i = 0; i < maxHeld; i++) held.push((await stream.receive())!)
    assert.equal(stream.held, maxHeld)
    assert.equal(stream.tryReceive(), undefined)
    await assert.rejects(stream.receive({ timeoutMs: 10 }), {
      code: 'ETIMEDOUT',
      message: `ETIMEDOUT: receive timed out after 10 ms: ${maxHeld} frames are held`,
    })
    const waiting = stream.receive()
    held[0]?.release()
    assert.equal((await waiting)?.sequence, maxHeld + 1)
  }
})

test('FrameStream.receive rejects with the reason of a signal aborted before or during the wait', async (t) => {
  const { queue, stream } = await queuePair(t)
  const reason = new Error('Enough')
  const controller = new AbortController()
  const waiting = stream.receive({ signal: controller.signal })
  controller.abort(reason)
  await assert.rejects(waiting, reason)
  await publish(queue)
  await assert.rejects(stream.receive({ signal: controller.signal }), reason)
  using frame = await stream.receive()
  assert.equal(frame?.sequence, 1)
})

test('FrameStream.receive takes a timeout from 0', async (t) => {
  const { queue, stream } = await queuePair(t)
  await assert.rejects(stream.receive({ timeoutMs: -1 }), RangeError)
  await assert.rejects(stream.receive({ timeoutMs: Number.NaN }), RangeError)
  await assert.rejects(stream.receive({ timeoutMs: 0 }), { code: 'ETIMEDOUT' })
  await publish(queue)
  using frame = await stream.receive({ timeoutMs: 0 })
  assert.equal(frame?.sequence, 1)
})

test('FrameStream.tryReceive takes a frame that is there and does not wait for one', async (t) => {
  const { queue, stream } = await queuePair(t)
  assert.equal(stream.tryReceive(), undefined)
  await publish(queue)
  using frame = stream.tryReceive()
  assert.equal(frame?.sequence, 1)
})

test('A latest stream takes the newest frame and counts what it missed', async (t) => {
  const { queue, stream } = await queuePair(t, { stream: { mode: 'latest' } })
  const missed: number[] = []
  for (const count of [1, 3, 10]) {
    for (let i = 0; i < count; i++) await publish(queue)
    using frame = stream.tryReceive()
    missed.push(frame?.missed ?? -1)
    assert.equal(stream.tryReceive(), undefined)
  }
  assert.deepEqual(missed, [0, 2, 9])
  assert.deepEqual(stream.stats(), { received: 3, missed: 11, bytesCopied: 0 })
})

test('FrameStream.subscribe calls back with every frame, and once with the end', async (t) => {
  const { queue, stream } = await queuePair(t)
  const sequences: number[] = []
  const ends: unknown[] = []
  stream.subscribe(
    (frame) => {
      sequences.push(frame.sequence)
      frame.release()
    },
    (...args) => ends.push(args),
  )
  for (let i = 0; i < 20; i++) await publish(queue)
  await queue.close()
  await until(() => ends.length > 0)
  await settled()
  assert.deepEqual(
    sequences,
    Array.from({ length: 20 }, (_, i) => i + 1),
  )
  assert.deepEqual(ends, [[]])
})

test('FrameStream.subscribe waits for a release before the next frame', async (t) => {
  const { queue, stream } = await queuePair(t)
  const frames: Frame[] = []
  using _subscription = stream.subscribe((frame) => frames.push(frame))
  await publish(queue)
  await publish(queue)
  await until(() => frames.length === 1)
  await settled()
  assert.equal(frames.length, 1)
  frames[0]?.release()
  assert.equal(frames.length, 2)
})

test('FrameStream.subscribe serves a camera that never pauses without growing the stack', async (t) => {
  const path = socketPath(t)
  await using camera = await Camera.start(path, { lengthBytes: 4096, buffers: 3 })
  await using stream = await connectFrames(path)
  let depth = 0
  let deepest = 0
  let count = 0
  using _subscription = stream.subscribe((frame) => {
    depth++
    deepest = Math.max(deepest, depth)
    count++
    // Slower than the camera: the next frame is always there.
    const startMs = performance.now()
    while (performance.now() - startMs < 0.2);
    frame.release()
    depth--
  })
  await camera.run()
  await until(() => count > 100)
  await camera.stop()
  assert.equal(deepest, 1)
})

test('A disposed subscription is not called any more; another may follow', async (t) => {
  const { queue, stream } = await queuePair(t)
  const seen: string[] = []
  const first = stream.subscribe((frame) => {
    seen.push(`first ${frame.sequence}`)
    frame.release()
  })
  assert.throws(() => stream.subscribe(() => {}), { code: 'EBUSY' })
  await publish(queue)
  await until(() => seen.length === 1)
  first[Symbol.dispose]()
  first[Symbol.dispose]()
  await publish(queue)
  await settled()
  using _second = stream.subscribe((frame) => {
    seen.push(`second ${frame.sequence}`)
    frame.release()
  })
  await until(() => seen.length === 2)
  assert.deepEqual(seen, ['first 1', 'second 2'])
})

test('FrameStream.subscribe is refused while somebody else reads, after the end by death, and after close()', async (t) => {
  const { stream } = await queuePair(t)
  const waiting = assert.rejects(stream.receive(), { code: 'EBADF' })
  assert.throws(() => stream.subscribe(() => {}), { code: 'EBUSY' })
  await stream.close()
  await waiting
  assert.throws(() => stream.subscribe(() => {}), { code: 'EBADF' })

  const path = socketPath(t)
  await using camera = await Camera.start(path, { lengthBytes: 4096, buffers: 3 })
  await using orphan = await connectFrames(path)
  await camera.remote.kill()
  await assert.rejects(orphan.receive(), { code: 'EOWNERDEAD' })
  assert.throws(() => orphan.subscribe(() => {}), { code: 'EOWNERDEAD' })
})

test('A subscriber hears of the death of its camera once', async (t) => {
  const path = socketPath(t)
  await using camera = await Camera.start(path, { lengthBytes: 4096, buffers: 3 })
  await using stream = await connectFrames(path)
  const ends: unknown[] = []
  stream.subscribe(
    () => {},
    (error) => ends.push(error),
  )
  await camera.remote.kill()
  await until(() => ends.length > 0)
  await settled()
  assert.equal(ends.length, 1)
  assert.equal((ends[0] as { code: string }).code, 'EOWNERDEAD')
})

test('Readers of frames that are always ready let timers run', async (t) => {
  const deadlineMs = performance.now() + 5000
  const turned = { isTrue: false }
  const wantTurn = (): void => {
    turned.isTrue = false
    setTimeout(() => {
      turned.isTrue = true
    }, 1)
  }
  const { queue, stream } = await queuePair(t)
  /** Publishes the next frame before this one is done, as a camera that is faster does. */
  const goesOn = (): boolean => {
    if (turned.isTrue || performance.now() > deadlineMs) return false
    queue.tryDequeue()?.queue()
    return true
  }
  wantTurn()
  goesOn()
  for await (using _frame of stream) if (!goesOn()) break
  assert.equal(turned.isTrue, true, 'for await')

  wantTurn()
  goesOn()
  for (let isRunning = true; isRunning;) {
    using _frame = await stream.receive()
    isRunning = goesOn()
  }
  assert.equal(turned.isTrue, true, 'receive')

  let hadTurned: boolean | undefined
  let isFirst = true
  using _subscription = stream.subscribe((frame) => {
    if (isFirst) wantTurn()
    isFirst = false
    frame.release()
    if (!goesOn()) hadTurned ??= turned.isTrue
  })
  queue.tryDequeue()?.queue()
  await until(() => hadTurned !== undefined)
  assert.equal(hadTurned, true, 'subscribe')
})

test('Frames that are held when the stream closes are given back, and are dead', async (t) => {
  const { queue, stream } = await queuePair(t, { stream: { maxHeld: 2 } })
  await publish(queue, 7)
  await publish(queue, 8)
  const touched = await stream.receive()
  const untouched = await stream.receive()
  assert.ok(touched !== undefined && untouched !== undefined)
  const { bytes } = touched
  assert.equal(bytes[0], 7)
  await stream.close()
  await until(() => queue.consumers.length === 0)
  assert.throws(() => untouched.bytes, { code: 'EBADF' })
  // A view that was taken before lives until its frame is given back: it is never an unmapped page.
  assert.equal(bytes[0], 7)
  touched.release()
  assert.equal(bytes.length, 0)
  untouched.release()
})

test('FrameStream.close is idempotent, rejects waiting reads, and every method afterwards fails with EBADF', async (t) => {
  const { stream } = await queuePair(t)
  const receiving = assert.rejects(stream.receive(), { code: 'EBADF' })
  const iterating = assert.rejects(stream[Symbol.asyncIterator]().next(), { code: 'EBADF' })
  await stream.close()
  await stream.close()
  await receiving
  await iterating
  await assert.rejects(stream.receive(), { code: 'EBADF' })
  assert.throws(() => stream.tryReceive(), { code: 'EBADF' })
  await assert.rejects(stream[Symbol.asyncIterator]().next(), { code: 'EBADF' })
})

test('FrameStream.close may be called from inside a callback of its own', async (t) => {
  const { queue, stream } = await queuePair(t)
  let count = 0
  let closed: Promise<void> | undefined
  stream.subscribe((frame) => {
    count++
    closed ??= stream.close()
    frame.release()
  })
  await publish(queue)
  await publish(queue)
  await until(() => closed !== undefined)
  await closed
  await settled()
  assert.equal(count, 1)
})

test('A stream whose camera was killed fails every read with EOWNERDEAD and the pid', async (t) => {
  const path = socketPath(t)
  await using camera = await Camera.start(path, { lengthBytes: 4096, buffers: 3 })
  await using stream = await connectFrames(path)
  const expected = {
    code: 'EOWNERDEAD',
    message: `EOWNERDEAD: The peer (pid ${camera.pid}) died without a goodbye`,
  }
  const waiting = assert.rejects(stream.receive(), expected)
  await camera.remote.kill()
  await waiting
  await assert.rejects(stream.receive(), expected)
  assert.throws(() => stream.tryReceive(), expected)
  await assert.rejects(stream[Symbol.asyncIterator]().next(), expected)
})

test('A stream over a link that is closed under it ends', async (t) => {
  const path = socketPath(t)
  const { connectLink } = await import('#src/linux/link-connect.js')
  await using _queue = await serveFrames(path, { lengthBytes: 4096 })
  const link = await connectLink(path)
  await using stream = await connectFrames(link)
  const waiting = stream.receive()
  await link.close()
  assert.equal(await waiting, undefined)
})
