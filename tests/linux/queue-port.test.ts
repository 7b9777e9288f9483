// Goal: a worker gets a queue's frames through a port that was posted to it, once; its end, however it comes,
// gives its frames back.
// Method: worker threads with a stream each; the queue is here.
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { connectFrames } from '#src/linux/connect-frames.js'
import { createFrameQueue } from '#src/linux/create-frame-queue.js'
import { createMemfd } from '#src/linux/memfd.js'
import { openFramePort } from '#src/linux/open-frame-port.js'
import { serveFrames } from '#src/linux/serve-frames.js'
import type { FramePort, FramePortOptions } from '#src/frames/frame-port.js'
import type { FrameQueue } from '#src/frames/frame-queue.js'
import { countResources, settled, until } from '../helpers/leaks.js'
import { socketPath } from '../helpers/socket-path.js'
import { openInWorker, readIn, type PortWorker } from '../helpers/port-worker.js'
import { publish } from '../helpers/viewer.js'

const SMALL = { lengthBytes: 4096, buffers: 6 }

function open(port: FramePort, options?: FramePortOptions): Promise<PortWorker> {
  return openInWorker('linux', port, options)
}

test('Workers read every frame of a queue whose ports were posted to them', async () => {
  await using queue = createFrameQueue(SMALL)
  await using first = await open(queue.port())
  await using second = await open(queue.port(), { maxHeld: 2 })
  assert.deepEqual(
    queue.consumers.map(({ pid, maxHeld }) => ({ pid, maxHeld })),
    [1, 2].map((maxHeld) => ({ pid: process.pid, maxHeld })),
  )
  const reading = [first, second].map((thread) => readIn(thread, 50))
  for (let i = 1; i <= 50; i++) await publish(queue, i)
  const expected = Array.from({ length: 50 }, (_, i) => i + 1)
  assert.deepEqual(await Promise.all(reading), [expected, expected])
})

test('What a worker stores into a frame nobody else sees', async () => {
  await using queue = createFrameQueue(SMALL)
  await using writer = await open(queue.port())
  await using reader = await open(queue.port())
  await publish(queue, 7)
  const stored = await writer.run(async ({ state }) => {
    const frame = (await state.stream.receive())!
    const bytes = frame.bytes as Uint8Array
    bytes.fill(99)
    const found = bytes[0]
    frame.release()
    return found
  })
  assert.equal(stored, 99)
  assert.deepEqual(await readIn(reader, 1), [7])
})

test('A queue that is served at a path has ports as well', async (t) => {
  const path = socketPath(t)
  await using queue = await serveFrames(path, SMALL)
  await using stream = await connectFrames(path)
  await using thread = await open(queue.port())
  await publish(queue, 9)
  assert.deepEqual(await readIn(thread, 1), [9])
  using frame = await stream.receive()
  assert.equal(frame?.bytes[0], 9)
})

test('A worker that closes its stream, or whose queue closes, hears the end', async () => {
  const queue = createFrameQueue(SMALL)
  await using leaving = await open(queue.port())
  await using staying = await open(queue.port())
  await leaving.run(({ state }) => state.stream.close())
  await until(() => queue.consumers.length === 1)
  await publish(queue, 1)
  await queue.close()
  assert.deepEqual(await readIn(staying, 2), [1])
})

/** A queue with a worker that holds one frame and has not read another, and a dequeue() that waits for it. */
async function stalled(): Promise<{
  queue: FrameQueue
  thread: PortWorker
  waiting: Promise<unknown>
}> {
  const queue = createFrameQueue({ ...SMALL, buffers: 3 })
  const thread = await open(queue.port())
  for (let i = 0; i < 3; i++) await publish(queue)
  await thread.run(async ({ state }) => {
    state.held = [(await state.stream.receive())!]
  })
  const waiting = queue.dequeue({ timeoutMs: 20_000 }).then((frame) => frame.cancel())
  return { queue, thread, waiting }
}

const ends: readonly [string, (thread: PortWorker) => Promise<void>][] = [
  ['is terminated', (thread) => thread.terminate()],
  [
    'calls process.exit()',
    async (thread) => {
      await thread.run(() => process.exit(0)).catch(() => {})
    },
  ],
  [
    'throws what nobody catches',
    async (thread) => {
      const running = thread.run(() => {
        setImmediate(() => {
          throw new Error('Nobody catches this')
        })
      })
      await running.catch(() => {})
    },
  ],
]

for (const [how, end] of ends)
  test(`A worker that ${how} gives back what it held, and a waiting dequeue goes on`, async () => {
    await settled()
    const before = countResources()
    const { queue, thread, waiting } = await stalled()
    const changes: string[] = []
    queue.watchConsumers(({ change, heldAtEnd }) => changes.push(`${change} ${heldAtEnd}`))
    await end(thread)
    await waiting
    assert.deepEqual(changes, ['left 1'])
    assert.deepEqual(queue.consumers, [])
    await queue.close()
    await thread.exited
    await settled()
    assert.deepEqual(countResources(), before)
  })

test('A port that is opened twice is refused in words, and the first stream goes on', async () => {
  await using queue = createFrameQueue(SMALL)
  const port = queue.port()
  await using thread = await open(port)
  const refusal = { code: 'EBUSY', message: /Port is opened already/ }
  await assert.rejects(openFramePort(port), refusal)
  await assert.rejects(open(port), refusal)
  await publish(queue, 5)
  assert.deepEqual(await readIn(thread, 1), [5])
})

test('A port that nobody opens is taken back when the queue closes', async () => {
  await settled()
  const before = countResources()
  const queue = createFrameQueue(SMALL)
  const port = queue.port()
  await queue.close()
  await assert.rejects(openFramePort(port), {
    code: 'EPIPE',
    message: 'EPIPE: The queue of this port is closed',
  })
  assert.throws(() => queue.port(), { code: 'EBADF' })
  await settled()
  assert.deepEqual(countResources(), before)
})

test("A port whose descriptor is somebody else's by now is not opened", async () => {
  await using queue = createFrameQueue(SMALL)
  const port = queue.port()
  using other = createMemfd('other', 4096)
  const stale = { ...port, fd: other.number }
  await assert.rejects(openFramePort(stale), { code: 'EPIPE' })
  other.dup().close()
})

test('A port for which there are too few buffers is refused with the number to set', async () => {
  await using queue = createFrameQueue({ ...SMALL, buffers: 3 })
  await using _first = await openFramePort(queue.port())
  await assert.rejects(openFramePort(queue.port()), {
    code: 'EBUSY',
    message: /serveFrames with { buffers: 4 }/,
  })
})

test('An unopened port keeps no program running', async (t: TestContext) => {
  const { runFixture } = await import('../helpers/fixture.js')
  const { code, stdout } = await runFixture('idle-port.js')
  assert.equal(code, 0)
  assert.equal(stdout, 'idle')
  t.diagnostic('The program ended by itself')
})
