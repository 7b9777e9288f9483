// Goal: threads may end at any moment, with everything open, and nobody faults.
// Method: processes of their own, because what is looked for is a crash; their exit code tells.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runFixture } from '../../helpers/fixture.js'

test('30 workers are terminated with live polls, views, loans and links, each the only user of the addon', async () => {
  const { code, signal, stdout, stderr } = await runFixture('native-workers.js')
  assert.equal(code ?? signal, 0, stderr)
  assert.equal(stdout, '30 terminated')
})

for (const end of ['exit', 'terminate']) {
  test(`A view that was moved to another thread outlives the thread that made it: ${end}`, async (t) => {
    const { code, signal, stdout, stderr } = await runFixture('escape.js', [end])
    assert.equal(code ?? signal, 0, stderr)
    if (stdout.startsWith('skip: ')) t.skip(stdout)
    else assert.match(stdout, /^readable, mapped$/)
  })
}
