// Goal: no two timelines ever share a context.
// Method: numbers are asked for in ones, in blocks and in nones.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allocateContext } from '#src/core/fence/context.js'
import { collectWarnings } from '../../helpers/warnings.js'

test('allocateContext begins at 1, so that 0 is nobody’s [FENCE-5]', () => {
  assert.equal(allocateContext(), 1)
})

test('allocateContext gives the first of consecutive numbers, never twice [FENCE-5]', () => {
  const first = allocateContext()
  assert.equal(allocateContext(3), first + 1)
  assert.equal(allocateContext(), first + 4)
})

test('allocateContext of none warns, and says the next number without using it up [FENCE-5]', () => {
  using warnings = collectWarnings()
  const next = allocateContext() + 1
  assert.equal(allocateContext(0), next)
  assert.deepEqual(warnings.rules, ['FENCE-5'])
  assert.equal(allocateContext(), next)
  assert.deepEqual(warnings.rules, ['FENCE-5'])
})

test('allocateContext takes whole numbers from 0', () => {
  for (const count of [-1, 0.5, NaN, Infinity])
    assert.throws(() => allocateContext(count), RangeError)
})
