// Goal: a heap allocates whole pages, for what is a length.
// Method: both sides of each boundary.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { heapLength } from '#src/linux/heap-length.js'

test('heapLength rounds up to whole pages of the heap [HEAP-9]', () => {
  assert.deepEqual(
    [1, 4096, 4097].map((length) => heapLength(length)),
    [4096, 4096, 8192],
  )
  assert.equal(heapLength(1, 2 * 1024 * 1024), 2 * 1024 * 1024)
})

for (const length of [0, -1, 1.5, NaN, Infinity, 2 ** 53])
  test(`heapLength refuses ${length}`, () => {
    assert.throws(() => heapLength(length), RangeError)
  })
