// Goal: what a queue is to be has defaults, and absurd sizes are refused before anything is made.
// Method: values on both sides of every boundary.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkQueueOptions, type QueueOptions } from '#src/frames/queue-options.js'

test('checkQueueOptions fills in four buffers, twice as many at most, 1024 consumers, and a second of patience', () => {
  assert.deepEqual(checkQueueOptions({ lengthBytes: 10 }), {
    format: undefined,
    lengthBytes: 10,
    bufferCount: 4,
    slotCount: 8,
    maxConsumers: 1024,
    slowConsumer: { afterMs: 1000, then: 'wait' },
  })
})

test('checkQueueOptions takes the length from the format, or a longer one', () => {
  const format = { fourcc: 'YU12', width: 2, height: 2 }
  assert.equal(checkQueueOptions({ format }).lengthBytes, 6)
  assert.equal(checkQueueOptions({ format, lengthBytes: 7 }).lengthBytes, 7)
  assert.throws(() => checkQueueOptions({ format, lengthBytes: 5 }), RangeError)
})

const boundaries: readonly [QueueOptions, QueueOptions][] = [
  [{ lengthBytes: 1 }, { lengthBytes: 0 }],
  [{ lengthBytes: 2_147_483_647 }, { lengthBytes: 2_147_483_648 }],
  [{ buffers: 2 }, { buffers: 1 }],
  [{ buffers: 64 }, { buffers: 65 }],
  [{ maxConsumers: 1 }, { maxConsumers: 0 }],
  [{ maxConsumers: 1024 }, { maxConsumers: 1025 }],
  [
    { slowConsumer: { afterMs: 0.001, then: 'wait' } },
    { slowConsumer: { afterMs: 0, then: 'wait' } },
  ],
]

for (const [taken, refused] of boundaries)
  test(`checkQueueOptions takes ${JSON.stringify(taken)}, not ${JSON.stringify(refused)}`, () => {
    checkQueueOptions({ lengthBytes: 1, ...taken })
    assert.throws(() => checkQueueOptions({ lengthBytes: 1, ...refused }), RangeError)
  })

test('checkQueueOptions needs a length, and knows the policies for slow consumers', () => {
  assert.throws(() => checkQueueOptions({}), TypeError)
  const slowConsumer = { afterMs: 1, then: 'kill' as 'wait' }
  assert.throws(() => checkQueueOptions({ lengthBytes: 1, slowConsumer }), TypeError)
})
