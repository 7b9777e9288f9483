// Goal: opening owns what it opened, and its errors have names.
// Method: /dev/null, and what is not there.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openNodeSoon } from '#src/linux/probe/open-node-soon.js'

test('openNodeSoon gives a descriptor that is the caller’s', async () => {
  const fd = await openNodeSoon('/dev/null', 2)
  assert.ok(fd.number > 2)
  fd.close()
  assert.equal(fd.closed, true)
})

test('openNodeSoon rejects with the code of the system', async () => {
  await assert.rejects(openNodeSoon('/nonexistent', 0), { code: 'ENOENT' })
})
