// Goal: each way a lock() can fail has its errno.
// Method: a table of attempts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lockError } from '#src/core/reservation/lock-attempt.js'

const CASES = [
  ['die', 'EDEADLK', 'WW-14'],
  ['already', 'EALREADY', 'WW-4'],
  ['interrupted', 'EINTR', 'WW-13'],
] as const

test('lockError speaks the errno of its attempt [WW-4, WW-7, WW-13]', () => {
  for (const [attempt, code, rule] of CASES) {
    const error = lockError(attempt)
    assert.deepEqual([error.code, error.rule, error.operation], [code, rule, 'lock'])
  }
})

test('lockError keeps the reason of the signal as the cause of EINTR [WW-13, MIS-14]', () => {
  const reason = new Error('stop')
  const error = lockError('interrupted', { signal: AbortSignal.abort(reason) })
  assert.deepEqual([error.code, error.errno, error.cause], ['EINTR', -4, reason])
  assert.equal(lockError('interrupted', {}).cause, undefined)
})
