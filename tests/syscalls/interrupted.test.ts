// Goal: an interrupted call says so, and why.
// Method: one error, looked at.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { interrupted } from '#src/syscalls/interrupted.js'

test('interrupted is EINTR with the signal’s reason as its cause [C-1]', () => {
  const error = interrupted('sync', 'enough')
  assert.deepEqual([error.code, error.errno, error.cause], ['EINTR', -4, 'enough'])
  assert.equal(error.operation, 'sync')
})
