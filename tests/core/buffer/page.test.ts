// Goal: sizes are whole pages, and addresses beyond 32 bits are rounded as small ones are.
// Method: values on both sides of a multiple.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PAGE_BYTES, roundDown, roundUp } from '#src/core/buffer/page.js'

test('roundUp gives the multiple that is not below', () => {
  const cases = [0, 1, 4095, 4096, 4097, 2 ** 40 - 1, 2 ** 40]
  const rounded = cases.map((value) => roundUp(value, PAGE_BYTES))
  assert.deepEqual(rounded, [0, 4096, 4096, 4096, 8192, 2 ** 40, 2 ** 40])
})

test('roundDown gives the multiple that is not above', () => {
  const cases = [0, 1, 4095, 4096, 4097, 2 ** 40 - 1, 2 ** 40]
  const rounded = cases.map((value) => roundDown(value, PAGE_BYTES))
  assert.deepEqual(rounded, [0, 0, 0, 4096, 4096, 2 ** 40 - 4096, 2 ** 40])
})
