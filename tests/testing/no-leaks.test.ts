// Goal: a test that leaves a buffer open is told which.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openMemoryHeap } from '#src/core/heap/memory-heap.js'
import { assertNoLeaks } from '#src/testing/no-leaks.js'

test('assertNoLeaks is content with what is closed, and with what was open before', () => {
  using _before = openMemoryHeap().allocate(1)
  using _leaks = assertNoLeaks()
  openMemoryHeap().allocate(1).close()
})

test('assertNoLeaks names buffers that were left open', () => {
  const leaks = assertNoLeaks()
  using _left = openMemoryHeap({ name: 'test' }).allocate(1, { name: 'left' })
  assert.throws(() => leaks[Symbol.dispose](), {
    name: 'ContractError',
    message: /- left of test: 1 references, 0 devices attached/,
  })
})

test('assertNoLeaks sees a handle too many, and a device left attached, on older buffers', async () => {
  using buffer = openMemoryHeap().allocate(1)
  const handles = assertNoLeaks()
  const handle = buffer.dup()
  assert.throws(() => handles[Symbol.dispose](), /2 references/)
  handle.close()
  handles[Symbol.dispose]()
  await using _attachment = await buffer.attach({ name: 'gpu0' })
  assert.throws(() => handles[Symbol.dispose](), /1 devices attached/)
})
