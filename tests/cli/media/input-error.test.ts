// Goal: callers can tell what the user did from what we did.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InputError } from '#src/cli/media/input-error.js'

test('InputError is an Error with its own name', () => {
  const error = new InputError('no such file: x')
  assert.ok(error instanceof Error)
  assert.equal(String(error), 'InputError: no such file: x')
})
