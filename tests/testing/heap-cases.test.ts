// Goal: the contract of heaps holds for ours, and finds out those that break it.
// Method: runs every case on every heap we have, then on heaps broken in one way each.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Heap } from '#src/core/heap/heap.js'
import { openMemoryHeap } from '#src/core/heap/memory-heap.js'
import { openMemfdHeap } from '#src/linux/memfd-heap.js'
import { assertNoLeaks, heapCases } from '#src/testing/index.js'

const HEAPS: Readonly<Record<string, () => Heap>> = {
  memory: () => openMemoryHeap(),
  'movable memory': () => openMemoryHeap({ movable: true }),
  memfd: () => openMemfdHeap(),
}

for (const [kind, open] of Object.entries(HEAPS))
  for (const { name, rules, run } of heapCases)
    test(`${kind}: ${name} (${rules.join(', ')})`, async () => {
      using _leaks = assertNoLeaks()
      await run(open())
    })

async function failuresOf(heap: Heap): Promise<string> {
  const failed: string[] = []
  for (const { name, run } of heapCases) await run(heap).catch(() => failed.push(name))
  return failed.join('\n')
}

test('The contract finds a heap that hands out one buffer twice', async () => {
  const inner = openMemoryHeap()
  using only = inner.allocate(5 * 4096)
  const failed = await failuresOf({ ...inner, allocate: () => only.dup() })
  assert.match(failed, /share neither memory nor inode/)
  assert.match(failed, /zeroed/)
})

test('The contract finds a heap that gives less than was asked for', async () => {
  const inner = openMemoryHeap()
  const failed = await failuresOf({ ...inner, allocate: () => inner.allocate(4096) })
  assert.match(failed, /rounded up/)
  assert.match(failed, /refused before/)
})

test('The contract finds a heap whose buffers bear another name', async () => {
  const inner = openMemoryHeap()
  assert.match(await failuresOf({ ...inner, name: 'other' }), /bear the heap's name/)
})
