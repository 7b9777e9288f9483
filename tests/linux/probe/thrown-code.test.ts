// Goal: whatever is thrown has a word.
// Method: an error of each kind.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DmaBufError } from '#src/core/errors.js'
import { codeOf } from '#src/linux/probe/thrown-code.js'

test('codeOf is the code of our errors and of Node’s, and the words of others', () => {
  assert.equal(codeOf(new DmaBufError('ENOTTY', 'x', 'y')), 'ENOTTY')
  assert.equal(codeOf(Object.assign(new Error('x'), { code: 'EACCES' })), 'EACCES')
  assert.equal(codeOf(new Error('x')), 'Error: x')
  assert.equal(codeOf('x'), 'x')
})
