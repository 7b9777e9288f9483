// Goal: a node that cannot be opened says so in words that help.
// Method: paths that every Linux has, and has not.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { native } from '#src/linux/native.js'
import { openNode } from '#src/linux/open-node.js'
import { O_RDONLY } from '#src/uapi/file.js'
import { countResources } from '../helpers/leaks.js'

test('openNode opens for reading and writing, and for what it is told', () => {
  using both = openNode('/dev/null')
  using one = openNode('/dev/null', O_RDONLY)
  assert.equal(native().fileFlags(both.number) & 3, 2)
  assert.equal(native().fileFlags(one.number) & 3, 0)
})

test('openNode never creates a file', () => {
  const O_CREAT = 0o100
  assert.throws(() => openNode('/dev/dmabuf-test-none', O_CREAT | 2), { code: 'ENOENT' })
})

test('openNode says what is missing, and leaves nothing open', () => {
  const before = countResources()
  assert.throws(() => openNode('/dev/none'), { code: 'ENOENT', message: /\/dev\/none.*--device/ })
  assert.throws(() => openNode('/dev/null/x'), { code: 'ENOTDIR' })
  assert.throws(() => openNode('/dev/null\0/dev/zero'), { code: 'ENOENT' })
  assert.throws(() => openNode(`/${'x'.repeat(5000)}`), { code: 'ENAMETOOLONG' })
  assert.deepEqual(countResources(), before)
})
