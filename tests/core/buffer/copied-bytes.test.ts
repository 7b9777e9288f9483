// Goal: what our own code copies is counted.
// Method: adds and looks; other tests of this process may have counted before.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { copiedBytes, countCopiedBytes } from '#src/core/buffer/copied-bytes.js'

test('copiedBytes rises by what was counted, and only then', () => {
  const before = copiedBytes()
  assert.equal(copiedBytes(), before)
  countCopiedBytes(0)
  assert.equal(copiedBytes(), before)
  countCopiedBytes(7)
  countCopiedBytes(2 ** 40)
  assert.equal(copiedBytes(), before + 7 + 2 ** 40)
})
