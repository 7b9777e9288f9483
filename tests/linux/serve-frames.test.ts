// Goal: a queue is served at a path or over a link, and options that make no sense are refused before
// anything is made.
// Method: values on both sides of every boundary; a heap that is none where the memory would be too much.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { DmaBufError, type Heap } from '#src/index.js'
import { connectFrames } from '#src/linux/connect-frames.js'
import { inheritLink, linkPair } from '#src/linux/link-pair.js'
import type { QueueOptions } from '#src/frames/queue-options.js'
import { serveFrames } from '#src/linux/serve-frames.js'
import { countResources, settled } from '../helpers/leaks.js'
import { socketPath } from '../helpers/socket-path.js'
import { publish } from '../helpers/viewer.js'

const REACHED = new DmaBufError('ENOMEM', 'allocate', 'The options were taken')

/** A heap that says that the options were taken, without the memory. */
const noHeap: Heap = {
  kind: 'memfd',
  name: 'none',
  losses: [],
  close() {},
  [Symbol.dispose]() {},
  allocate() {
    throw REACHED
  },
}

const format = { fourcc: 'YU12', width: 2, height: 2 }

const taken: readonly QueueOptions[] = [
  { lengthBytes: 1 },
  { lengthBytes: 2_147_483_647 },
  { format, lengthBytes: 6 },
  { format },
  { format, buffers: 2 },
  { format, buffers: 64 },
  { format, maxConsumers: 1 },
  { format, maxConsumers: 1024 },
  { format, slowConsumer: { afterMs: 0.001, then: 'wait' } },
  { format, slowConsumer: { afterMs: Infinity, then: 'disconnect' } },
]

for (const options of taken)
  test(`serveFrames takes ${JSON.stringify(options)}`, async (t) => {
    const path = socketPath(t)
    await assert.rejects(serveFrames(path, { ...options, heap: noHeap }), REACHED)
    assert.equal(existsSync(path), false)
  })

const refused: readonly [string, unknown][] = [
  ['TypeError', {}],
  ['RangeError', { lengthBytes: 0 }],
  ['RangeError', { lengthBytes: 2_147_483_648 }],
  ['RangeError', { lengthBytes: 1.5 }],
  ['RangeError', { lengthBytes: Number.NaN }],
  ['RangeError', { format, lengthBytes: 5 }],
  ['RangeError', { format: { ...format, width: 0 } }],
  ['RangeError', { format: { ...format, height: 16_385 } }],
  ['TypeError', { format: { ...format, fourcc: 'YU1' } }],
  ['RangeError', { format, buffers: 1 }],
  ['RangeError', { format, buffers: 65 }],
  ['RangeError', { format, buffers: 2.5 }],
  ['RangeError', { format, maxConsumers: 0 }],
  ['RangeError', { format, maxConsumers: 1025 }],
  ['RangeError', { format, maxConsumers: Number.NaN }],
  ['RangeError', { format, slowConsumer: { afterMs: 0, then: 'wait' } }],
  ['RangeError', { format, slowConsumer: { afterMs: Number.NaN, then: 'wait' } }],
  ['TypeError', { format, slowConsumer: { afterMs: 1, then: 'shrug' } }],
]

for (const [name, options] of refused)
  test(`serveFrames refuses ${JSON.stringify(options)} with a ${name}`, async (t) => {
    const path = socketPath(t)
    const heap = noHeap
    await assert.rejects(serveFrames(path, { ...(options as QueueOptions), heap }), { name })
    assert.equal(existsSync(path), false)
  })

test('serveFrames refuses what is neither a path nor a link', async () => {
  for (const at of [undefined, 5, {}, ''])
    await assert.rejects(serveFrames(at as string, { lengthBytes: 1 }), TypeError)
})

test('serveFrames gives back every buffer when the heap has no more', async (t) => {
  const { openMemfdHeap } = await import('#src/linux/memfd-heap.js')
  const memory = openMemfdHeap()
  let count = 0
  const heap: Heap = {
    ...memory,
    allocate(lengthBytes) {
      if (count++ === 3) throw REACHED
      return memory.allocate(lengthBytes)
    },
  }
  await settled()
  const before = countResources()
  await assert.rejects(serveFrames(socketPath(t), { lengthBytes: 4096, heap }), REACHED)
  await settled()
  assert.deepEqual(countResources(), before)
})

test('serveFrames has 4 buffers of the length that the format needs, unless told otherwise', async (t) => {
  await using queue = await serveFrames(socketPath(t), { format })
  assert.equal(queue.bufferCount, 4)
  assert.equal(queue.lengthBytes, 6)
  assert.equal(queue.format?.planes.length, 3)
})

test('serveFrames removes its socket when it closes', async (t) => {
  const path = socketPath(t)
  const queue = await serveFrames(path, { format })
  assert.equal(existsSync(path), true)
  await queue.close()
  assert.equal(existsSync(path), false)
})

test('serveFrames is refused with EADDRINUSE at a path that another queue serves', async (t) => {
  const path = socketPath(t)
  await using _queue = await serveFrames(path, { format })
  await assert.rejects(serveFrames(path, { format }), { code: 'EADDRINUSE' })
  await using stream = await connectFrames(path)
  assert.equal(stream.held, 0)
})

test('serveFrames over one end of a pair serves the other end', async () => {
  const [ours, theirs] = linkPair()
  await using queue = await serveFrames(ours, { format, buffers: 3 })
  await using stream = await connectFrames(inheritLink(theirs))
  await publish(queue, 3)
  using frame = await stream.receive()
  assert.deepEqual(Array.from(frame?.bytes ?? []), [3, 3, 3, 3, 3, 3])
})
