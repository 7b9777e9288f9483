// Goal: without the addon everything imports, and every use says what is missing and what to do.
// Method: processes whose DMABUF_NATIVE names nothing, or no addon.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { runFixture, ScratchFolder } from '../../helpers/fixture.js'

test('Without the addon dmabuf/linux imports, and every function says what to do', async () => {
  const env = { DMABUF_NATIVE: '/nonexistent' }
  const { code, stdout, stderr } = await runFixture('missing-addon.js', [], { env })
  assert.equal(code, 0, stderr)
  assert.match(stdout, /ok$/)
})

test('A file that is no addon is reported as a missing one', async () => {
  using folder = new ScratchFolder()
  const path = folder.file('dmabuf.node')
  writeFileSync(path, 'not an addon')
  const env = { DMABUF_NATIVE: path }
  const { code, stdout, stderr } = await runFixture('missing-addon.js', [], { env })
  assert.equal(code, 0, stderr)
  assert.match(stdout, /ok$/)
})
