// Goal: a port over shared memory is told from others.
// Method: both kinds.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FramePort } from '#src/frames/frame-port.js'
import { createFrameQueue } from '#src/threads/create-frame-queue.js'
import {
  BELL_BYTES,
  BELL_WORDS,
  checkMemoryPort,
  isMemoryPort,
  type MemoryPort,
} from '#src/threads/memory-port.js'

test('isMemoryPort knows ports over shared memory, also when they were posted', async () => {
  await using queue = createFrameQueue({ lengthBytes: 8 })
  assert.equal(isMemoryPort(structuredClone(queue.port())), true)
  assert.equal(isMemoryPort({ dmabufPort: 1, kind: 'link' } as FramePort), false)
})

test('The bells of a port are two words of its memory', () => {
  const { producer, consumer } = BELL_WORDS
  assert.notEqual(producer, consumer)
  assert.ok(Math.max(producer, consumer) * 4 + 4 <= BELL_BYTES)
})

test('checkMemoryPort refuses a port that lacks memory, or has too little, with a TypeError', async () => {
  await using queue = createFrameQueue({ lengthBytes: 8 })
  const port = queue.port() as MemoryPort
  checkMemoryPort(port)
  const small = new SharedArrayBuffer(4)
  const odd = new SharedArrayBuffer(8193)
  const wrongs: Partial<Record<keyof MemoryPort, unknown>>[] = [
    { name: 7 },
    { claim: undefined },
    { bells: small },
    { queue: small },
    { queue: odd },
    { own: new ArrayBuffer(4096) },
    { own: small },
    { memories: {} },
    { memories: [null] },
  ]
  for (const wrong of wrongs)
    assert.throws(() => checkMemoryPort({ ...port, ...wrong } as MemoryPort), TypeError)
})
