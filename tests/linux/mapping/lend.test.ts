// Goal: memory that was lent is right to the last byte for whoever goes on with it, past close() of the handle.
// Method: lend() is not awaited before the handle is closed; each user in a process of its own.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runFixture } from '../../helpers/fixture.js'

for (const user of ['gzip', 'fs.write', 'sharp', 'child stdin']) {
  test(`lend to ${user}, un-awaited, with the handle closed right after, is byte-exact`, async () => {
    const { code, signal, stdout, stderr } = await runFixture('lend-users.js', [user])
    assert.equal(code ?? signal, 0, stderr)
    assert.equal(stdout, 'right\nclosed')
  })
}
