// Goal: how a consumer takes part has defaults, and what makes no sense is refused.
// Method: values on both sides of every boundary.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkConsumerOptions, type ConsumerOptions } from '#src/frames/consumer-options.js'

test('checkConsumerOptions fills in fifo, one frame, reading, and waiting for fences', () => {
  assert.deepEqual(checkConsumerOptions({}), {
    mode: 'fifo',
    maxHeld: 1,
    access: 'read',
    fences: 'wait',
  })
})

test('checkConsumerOptions takes maxHeld from 1 to 62, and every mode and access', () => {
  for (const maxHeld of [1, 62]) assert.equal(checkConsumerOptions({ maxHeld }).maxHeld, maxHeld)
  for (const mode of ['fifo', 'latest'] as const)
    assert.equal(checkConsumerOptions({ mode }).mode, mode)
  for (const access of ['read', 'readwrite'] as const)
    assert.equal(checkConsumerOptions({ access }).access, access)
})

const refused: readonly [string, unknown][] = [
  ['RangeError', { maxHeld: 0 }],
  ['RangeError', { maxHeld: 63 }],
  ['RangeError', { maxHeld: 1.5 }],
  ['TypeError', { mode: 'newest' }],
  ['TypeError', { access: 'write' }],
]

for (const [name, options] of refused)
  test(`checkConsumerOptions refuses ${JSON.stringify(options)} with a ${name}`, () => {
    assert.throws(() => checkConsumerOptions(options as ConsumerOptions), { name })
  })
