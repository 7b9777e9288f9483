// Goal: lists have the capacities that the kernel's have on 64 bits, and end where memory does.
// Method: tables with the values on both sides of each step of the allocator.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setDebug } from '#src/core/debug.js'
import { allocateList, FenceList, grownSlots, MAX_SLOTS } from '#src/core/reservation/fence-list.js'
import { createTimeline } from '#src/core/fence/timeline.js'

// Asked for, got: pieces of 32, 64, 96, 128, 192, 256 and 512 bytes with 24 bytes in front.
const CAPACITIES: readonly (readonly [number, number])[] = [
  [1, 1],
  [2, 5],
  [4, 5],
  [5, 5],
  [6, 9],
  [9, 9],
  [10, 13],
  [13, 13],
  [14, 21],
  [21, 21],
  [22, 29],
  [29, 29],
  [30, 61],
  [61, 61],
  [62, 125],
  [MAX_SLOTS, MAX_SLOTS],
]

for (const [asked, got] of CAPACITIES) {
  test(`allocateList: a list for ${asked} fences has ${got} slots [RESV-8]`, () => {
    const list = allocateList(asked, 'test')
    assert.equal(list.capacity, got)
    assert.deepEqual(list.fences, [])
  })
}

test('allocateList fails with ENOMEM beyond the largest piece of memory [RESV-6]', () => {
  assert.equal(MAX_SLOTS, 524_285)
  for (const slots of [MAX_SLOTS + 1, 2 ** 31, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER])
    assert.throws(() => allocateList(slots, 'test'), { code: 'ENOMEM', operation: 'test' })
})

test('allocateList fails where the test says that memory is out [RESV-6]', () => {
  using _debug = setDebug({ failAllocations: true })
  assert.throws(() => allocateList(1, 'test'), { code: 'ENOMEM', rule: 'RESV-6' })
})

/** A list of a capacity and so many fences. */
function listOf(capacity: number, count: number): FenceList {
  const list = new FenceList(capacity)
  const timeline = createTimeline('test')
  for (let i = 0; i < count; i++) list.fences.push(timeline.fence())
  return list
}

// Capacity (undefined: no list), fences, slots wanted, and what to ask the allocator for.
const GROWTH: readonly (readonly [number | undefined, number, number, number])[] = [
  [undefined, 0, 1, 4],
  [undefined, 0, 4, 4],
  [undefined, 0, 5, 8],
  [undefined, 0, 8, 8],
  [undefined, 0, 9, 16],
  [undefined, 0, MAX_SLOTS, 2 ** 19],
  [undefined, 0, MAX_SLOTS + 1, MAX_SLOTS + 1],
  [undefined, 0, 2 ** 33, 2 ** 33],
  [0, 0, 1, 4],
  [0, 0, 6, 8],
  [5, 5, 1, 10],
  [5, 5, 5, 10],
  [5, 5, 6, 11],
  [1, 1, 1, 2],
]

for (const [capacity, count, slots, wanted] of GROWTH) {
  const what = capacity === undefined ? 'no list' : `${count} of ${capacity} slots`
  test(`grownSlots: ${what}, ${slots} more: ${wanted} [RESV-8]`, () => {
    const list = capacity === undefined ? undefined : listOf(capacity, count)
    assert.equal(grownSlots(list, slots), wanted)
  })
}
