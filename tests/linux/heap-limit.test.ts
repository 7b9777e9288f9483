// Goal: nobody asks the kernel for so much that it ends processes.
// Method: both sides of each limit, with a machine of the test's choice.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkHeapLimit } from '#src/linux/heap-limit.js'

const MIB = 1024 * 1024

test('Half of what is available is the limit, for more than a mebibyte [HEAP-13]', () => {
  const available = (): number => 20 * MIB
  checkHeapLimit(10 * MIB, undefined, available)
  assert.throws(() => checkHeapLimit(10 * MIB + 1, undefined, available), {
    code: 'ENOMEM',
    details: { lengthBytes: 10 * MIB + 1, maxLengthBytes: 10 * MIB },
    message: /maxLengthBytes/,
  })
})

test('A mebibyte is always tried, without a look at what is available', () => {
  const unasked = (): number => assert.fail('asked')
  checkHeapLimit(MIB, undefined, unasked)
  assert.throws(() => checkHeapLimit(MIB + 1, undefined, () => MIB), { code: 'ENOMEM' })
})

test('A limit of the caller holds instead, above and below', () => {
  const none = (): number => 0
  checkHeapLimit(8 * MIB, 8 * MIB, none)
  assert.throws(() => checkHeapLimit(8 * MIB + 1, 8 * MIB, none), { code: 'ENOMEM' })
  assert.throws(() => checkHeapLimit(2, 1, none), { code: 'ENOMEM' })
})

for (const wrong of [NaN, -1, '4096', 4096n, null] as unknown as number[])
  test(`A limit that is none is RangeError: ${String(wrong)}`, () => {
    assert.throws(() => checkHeapLimit(1, wrong), { name: 'RangeError', message: /maxLengthBytes/ })
  })

test('The machine itself says what is available', () => {
  assert.throws(() => checkHeapLimit(Number.MAX_SAFE_INTEGER, undefined), { code: 'ENOMEM' })
})
