// Goal: a contract that is not kept is told in one line.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DmaBufError } from '#src/core/errors.js'
import { check, checkRejects, checkSame } from '#src/testing/contract.js'

test('check and checkSame throw ContractError with what was found', () => {
  check(true, 'Never said')
  checkSame(1, 1, 'Number')
  assert.throws(() => check(false, 'Said'), { name: 'ContractError', message: 'Said' })
  assert.throws(() => checkSame(1, 2, 'Length'), { message: 'Length: 1 where 2 was expected' })
})

test('checkRejects wants a failure, and one of the codes', async () => {
  const busy = new DmaBufError('EBUSY', 'map', 'Busy')
  await checkRejects(Promise.reject(busy), ['EINVAL', 'EBUSY'], 'Mapping')
  await assert.rejects(checkRejects(Promise.reject(busy), ['EINVAL'], 'Mapping'), {
    message: /^Mapping: failed with .*EBUSY.* instead of EINVAL$/,
  })
  await assert.rejects(checkRejects(Promise.resolve(), ['EINVAL'], 'Mapping'), {
    message: 'Mapping: worked instead of failing with EINVAL',
  })
})
