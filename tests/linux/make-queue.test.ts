// Goal: what a queue is made of is given back where it cannot be made.
// Method: a heap that has memory for two buffers only.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DmaBufError, type Heap } from '#src/index.js'
import { checkQueueOptions } from '#src/frames/queue-options.js'
import { makeQueue } from '#src/linux/make-queue.js'
import { openMemfdHeap } from '#src/linux/memfd-heap.js'
import { countResources, settled } from '../helpers/leaks.js'

test('makeQueue closes the buffers it has where the heap has no more', async () => {
  await settled()
  const before = countResources()
  const memory = openMemfdHeap()
  let count = 0
  const heap: Heap = {
    ...memory,
    allocate(lengthBytes, options) {
      if (++count > 2) throw new DmaBufError('ENOMEM', 'allocate', 'Two is all there is')
      return memory.allocate(lengthBytes, options)
    },
  }
  const options = { lengthBytes: 4096, buffers: 3, heap }
  assert.throws(() => makeQueue(options, checkQueueOptions(options), () => {}), { code: 'ENOMEM' })
  assert.equal(count, 3)
  await settled()
  assert.deepEqual(countResources(), before)
})
