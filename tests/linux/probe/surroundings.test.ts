// Goal: a machine can be looked at whatever is missing of it.
// Method: an empty folder, and this machine.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lookAround } from '#src/linux/probe/surroundings.js'

test('lookAround finds something to say of a machine without any file', () => {
  const { kernel, user, container } = lookAround({ root: '/nonexistent', env: {} })
  assert.match(kernel.release, /^\d/)
  assert.equal(user.name, '$USER')
  assert.equal(container, undefined)
})

test('lookAround looks at this machine and this process where nothing else is asked', () => {
  const { files, user } = lookAround()
  assert.equal(files.at('/proc'), '/proc')
  assert.equal(user.uid, process.geteuid?.())
})
