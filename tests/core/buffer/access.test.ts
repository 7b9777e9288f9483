// Goal: what the CPU does is told to exporters as a direction, the right way round.
// Method: all three words, and what is none.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkAccess, directionOf, type Access } from '#src/core/buffer/access.js'

test('directionOf says that the CPU reads what comes from a device, and writes what goes to one [BUF-50]', () => {
  assert.equal(directionOf('read'), 'from-device')
  assert.equal(directionOf('write'), 'to-device')
  assert.equal(directionOf('readwrite'), 'bidirectional')
})

test('checkAccess takes read, write and readwrite, no other word', () => {
  for (const access of ['read', 'write', 'readwrite'] as const) checkAccess(access)
  for (const wrong of ['', 'rw', 'Read', undefined, null])
    assert.throws(() => checkAccess(wrong as Access), TypeError)
})
