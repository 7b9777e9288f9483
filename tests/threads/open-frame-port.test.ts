// Goal: a worker gets a queue's frames through shared memory alone, once per port, and nobody waits for ever
// for whoever is gone.
// Method: worker threads with a stream each; the queue is here. No native code on either side.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FramePort, FramePortOptions } from '#src/frames/frame-port.js'
import { openFramePort as openAny } from '#src/linux/open-frame-port.js'
import { closeFramePort } from '#src/threads/close-frame-port.js'
import { createFrameQueue } from '#src/threads/create-frame-queue.js'
import { openFramePort } from '#src/threads/open-frame-port.js'
import { until } from '../helpers/leaks.js'
import { openInWorker, readIn, type PortWorker } from '../helpers/port-worker.js'
import { publish } from '../helpers/viewer.js'

const SMALL = { lengthBytes: 4096, buffers: 6 }

function open(port: FramePort, options?: FramePortOptions): Promise<PortWorker> {
  return openInWorker('threads', port, options)
}

test('Workers read every frame of a queue over shared memory', async () => {
  await using queue = createFrameQueue(SMALL)
  await using first = await open(queue.port())
  await using second = await open(queue.port(), { maxHeld: 2 })
  const reading = [first, second].map((thread) => readIn(thread, 200))
  for (let i = 1; i <= 200; i++) await publish(queue, i)
  const expected = Array.from({ length: 200 }, (_, i) => i + 1)
  assert.deepEqual(await Promise.all(reading), [expected, expected])
})

test('A worker that only reads stays alive, and ends when the queue closes', async () => {
  const queue = createFrameQueue(SMALL)
  const thread = await open(queue.port())
  const reading = readIn(thread, 10)
  await publish(queue, 1)
  await queue.close()
  assert.deepEqual(await reading, [1])
  await thread.terminate()
})

test('A worker that closes its stream gives its place back', async () => {
  await using queue = createFrameQueue({ ...SMALL, buffers: 3 })
  await using thread = await open(queue.port())
  for (let i = 0; i < 3; i++) await publish(queue)
  const waiting = queue.dequeue({ timeoutMs: 20_000 })
  await thread.run(({ state }) => state.stream.close())
  ;(await waiting).cancel()
  assert.deepEqual(queue.consumers, [])
})

test('closeFramePort gives back what a worker held that has ended', async () => {
  await using queue = createFrameQueue({ ...SMALL, buffers: 3 })
  const port = queue.port()
  await using thread = await open(port)
  for (let i = 0; i < 3; i++) await publish(queue)
  await thread.run(async ({ state }) => {
    state.held = [(await state.stream.receive())!]
  })
  const waiting = queue.dequeue({ timeoutMs: 20_000 })
  await thread.terminate()
  closeFramePort(port)
  ;(await waiting).cancel()
  assert.deepEqual(queue.consumers, [])
})

test('closeFramePort fails a stream that lives with EOWNERDEAD', async () => {
  await using queue = createFrameQueue(SMALL)
  const port = queue.port()
  await using stream = await openFramePort(port)
  const waiting = assert.rejects(stream.receive(), { code: 'EOWNERDEAD' })
  closeFramePort(port)
  await waiting
})

test('A frame queued in one thread is the same memory in another', async () => {
  await using queue = createFrameQueue({ ...SMALL, buffers: 3 })
  await using stream = await openFramePort(queue.port())
  const frame = await queue.dequeue()
  const { buffer } = frame.bytes as Uint8Array
  frame.bytes.fill(3)
  frame.queue()
  using received = await stream.receive()
  assert.equal(received?.zeroCopy, true)
  assert.equal((received.bytes as Uint8Array).buffer, buffer)
})

test('A port of a queue over shared memory is opened once, and is refused after its queue has closed', async () => {
  const queue = createFrameQueue(SMALL)
  const port = queue.port()
  const late = queue.port()
  await using _stream = await openFramePort(port)
  await assert.rejects(openFramePort(port), { code: 'EBUSY' })
  await queue.close()
  await assert.rejects(openFramePort(late), { code: 'EPIPE' })
  assert.throws(() => queue.port(), { code: 'EBADF' })
})

test('A port for which there are too few buffers is refused with the number to set', async () => {
  await using queue = createFrameQueue({ ...SMALL, buffers: 3 })
  await using _first = await openFramePort(queue.port())
  await assert.rejects(openFramePort(queue.port()), { code: 'EBUSY', message: /{ buffers: 4 }/ })
})

test('openFramePort gives up after its timeout where the queue does not answer', async () => {
  const queue = createFrameQueue(SMALL)
  const port = queue.port()
  const { name: _, ...rest } = port as FramePort & { name: string }
  const unheard = { ...rest, name: 'dmabuf:nobody' } as FramePort
  await assert.rejects(openFramePort(unheard, { timeoutMs: 10 }), { code: 'ETIMEDOUT' })
  await queue.close()
})

test('openFramePort of dmabuf/linux opens ports over shared memory as well', async () => {
  await using queue = createFrameQueue(SMALL)
  await using stream = await openAny(queue.port())
  await publish(queue, 8)
  using frame = await stream.receive()
  assert.equal(frame?.bytes[0], 8)
})

test('openFramePort refuses what is no port of shared memory', async () => {
  for (const wrong of [undefined, null, 3, {}, { dmabufPort: 1 }, { dmabufPort: 1, kind: 'link' }])
    await assert.rejects(openFramePort(wrong as unknown as FramePort), TypeError)
})

test('A queue over shared memory that is resized goes on with its streams', async () => {
  await using queue = createFrameQueue({ ...SMALL, maxLengthBytes: 8192 })
  await using thread = await open(queue.port())
  await publish(queue, 1)
  assert.deepEqual(await readIn(thread, 1), [1])
  await queue.resize(8192)
  for (let i = 2; i < 20; i++) {
    await publish(queue, i)
    assert.deepEqual(await readIn(thread, 1), [i])
  }
  await assert.rejects(queue.resize(8193), { code: 'ENOMEM', message: /maxLengthBytes: 8193/ })
})

test('FrameQueue.disconnect tells the worker of one port to leave', async () => {
  await using queue = createFrameQueue(SMALL)
  await using stream = await openFramePort(queue.port())
  const [consumer] = queue.consumers
  assert.match(consumer?.peerName ?? '', /^port [0-9a-f]{8}$/)
  const failing = assert.rejects(stream.receive(), { code: 'EPIPE' })
  queue.disconnect(consumer!)
  await failing
  await until(() => queue.consumers.length === 0)
})
