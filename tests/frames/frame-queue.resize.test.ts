// Goal: a queue changes its frames without a restart; nobody sees a frame in the wrong buffer, none is leaked.
// Method: viewers in processes of their own, one of them stopped in the middle; inodes and descriptors counted.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FrameQueue } from '#src/frames/frame-queue.js'
import { connectFrames } from '#src/linux/connect-frames.js'
import { serveFrames } from '#src/linux/serve-frames.js'
import { countResources, openFds, settled, until } from '../helpers/leaks.js'
import { queuePair } from '../helpers/queue-pair.js'
import { socketPath } from '../helpers/socket-path.js'
import { publish, Viewer } from '../helpers/viewer.js'

const GREY = (width: number, height: number) => ({ fourcc: 'R8  ' as const, width, height })

/** What a child process costs the test: its standard error, and the channel it is told things through. */
const PROCESS_FDS = 3

async function publishMany(queue: FrameQueue, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await publish(queue)
}

test('FrameQueue.resize changes format and length of the frames that are dequeued from then on', async (t) => {
  const { queue, stream } = await queuePair(t, {
    queue: { format: GREY(64, 64), lengthBytes: 4096 },
  })
  await publish(queue)
  const before = await queue.dequeue()
  await queue.resize(GREY(128, 256))
  assert.deepEqual([queue.format?.width, queue.lengthBytes], [128, 128 * 256])
  before.queue()
  await publish(queue)
  const seen: unknown[] = []
  for (let i = 0; i < 3; i++) {
    using frame = await stream.receive()
    seen.push([frame?.format?.width, frame?.lengthBytes, frame?.bytes.length])
  }
  assert.deepEqual(seen, [
    [64, 4096, 4096],
    [64, 4096, 4096],
    [128, 32768, 32768],
  ])
})

test('FrameQueue.resize to bytes takes the format away', async (t) => {
  const { queue, stream } = await queuePair(t, {
    queue: { format: GREY(64, 64), lengthBytes: 4096 },
  })
  await queue.resize(10_000)
  await publish(queue)
  using frame = await stream.receive()
  assert.deepEqual([frame?.format, frame?.lengthBytes], [undefined, 10_000])
})

test('FrameQueue.resize refuses what serveFrames refuses, and a closed queue', async (t) => {
  const { queue } = await queuePair(t)
  for (const wrong of [0, -1, 1.5, 2 ** 31, GREY(0, 5)])
    await assert.rejects(queue.resize(wrong), RangeError)
  await queue.close()
  await assert.rejects(queue.resize(10), { code: 'EBADF' })
})

test('Frames published before a resize are read as they were, by viewers of both modes', async (t) => {
  const path = socketPath(t)
  await using queue = await serveFrames(path, { lengthBytes: 4096, buffers: 6 })
  await using fifo = await Viewer.start(path)
  await using latest = await Viewer.start(path, { mode: 'latest' })
  await publishMany(queue, 3)
  await latest.hold()
  await queue.resize(20_000)
  await publish(queue)
  const seen = await fifo.read(4)
  assert.deepEqual(
    seen.map(({ sequence, lengthBytes, value }) => [sequence, lengthBytes, value]),
    [
      [1, 4096, 1],
      [2, 4096, 2],
      [3, 4096, 3],
      [4, 20_000, 4],
    ],
  )
  await latest.release()
  assert.deepEqual(
    (await latest.read(1)).map(({ sequence, lengthBytes, value }) => [
      sequence,
      lengthBytes,
      value,
    ]),
    [[4, 20_000, 4]],
  )
})

test('Sizes that change with every frame are never mistaken', async (t) => {
  const path = socketPath(t)
  await using queue = await serveFrames(path, { lengthBytes: 4096, buffers: 5 })
  await using fifo = await Viewer.start(path)
  await using latest = await Viewer.start(path, { mode: 'latest' })
  const count = 60
  const reading = Promise.all([fifo.read(count), latest.read()])
  for (let i = 0; i < count; i++) {
    await queue.resize(4096 + 5000 * (i % 7))
    await publish(queue)
  }
  await queue.close()
  const [all, some] = await reading
  assert.equal(all.length, count)
  for (const { sequence, lengthBytes, value } of [...all, ...some]) {
    assert.equal(lengthBytes, 4096 + 5000 * ((sequence - 1) % 7))
    assert.equal(value, sequence & 255)
  }
})

test('A viewer that is stopped during many resizes costs nothing, and goes on afterwards', async (t) => {
  const path = socketPath(t)
  await using queue = await serveFrames(path, { lengthBytes: 4096, buffers: 5 })
  await using stuck = await Viewer.start(path, { mode: 'latest' })
  await using other = await connectFrames(path)
  await publish(queue)
  ;(await other.receive())?.release()
  await stuck.hold()
  stuck.remote.signal('SIGSTOP')
  await settled()
  const before = countResources()
  // Its socket is full long before that.
  for (let i = 0; i < 600; i++) {
    await queue.resize(4096 * (1 + (i % 2)))
    await publish(queue)
    using frame = await other.receive()
    assert.equal(frame?.lengthBytes, 4096 * (1 + (i % 2)))
  }
  await until(() => countResources().fds <= before.fds)
  stuck.remote.signal('SIGCONT')
  await stuck.release()
  const [seen] = await stuck.read(1)
  assert.deepEqual([seen?.sequence, seen?.value], [601, 601 & 255])
})

test('A queue of B buffers costs each side at most B + 8 descriptors, also after resizes', async (t) => {
  const path = socketPath(t)
  for (const buffers of [3, 16, 64]) {
    await settled()
    const idle = openFds().length
    await using queue = await serveFrames(path, { lengthBytes: 4096, buffers })
    await using reader = await Viewer.start(path)
    const there = (): Promise<number> =>
      reader.remote.run(({ resources }) => resources.openFds().length)
    const started = await there()
    await reader.close()
    await until(() => queue.consumers.length === 0)
    const left = await there()
    assert.ok(started - left <= buffers + 8, `Viewer: ${started - left} for ${buffers}`)
    await reader.connect(path)
    for (let i = 0; i < 3; i++) {
      await queue.resize(5000 * (i + 1))
      await publishMany(queue, 2)
      await reader.read(2)
    }
    await settled()
    const camera = openFds().length - idle
    assert.ok(camera <= buffers + 8 + PROCESS_FDS, `Camera: ${camera} for ${buffers}`)
    assert.ok((await there()) - left <= buffers + 8)
  }
})

test('FrameQueue.resize leaves nothing behind', async (t) => {
  const path = socketPath(t)
  await settled()
  const before = countResources()
  {
    await using queue = await serveFrames(path, { lengthBytes: 4096, buffers: 4 })
    await using stream = await connectFrames(path)
    for (let i = 0; i < 20; i++) {
      await queue.resize(4096 * (i + 1))
      await publish(queue)
      using _frame = await stream.receive()
    }
  }
  await settled()
  assert.deepEqual(countResources(), before)
})
