// Goal: where the runtime forbids external memory (Electron), the same calls work by copying, and say so.
// Method: a build of the addon that refuses views, in processes of their own.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { runFixture } from '../../helpers/fixture.js'
import { ROOT } from '../../helpers/source-tree.js'

const ADDON = join(ROOT, 'build/native/copy/dmabuf.node')

before(() => {
  if (existsSync(ADDON)) return
  // The sanitizers of `npm run test:asan` are for node, not for the compiler.
  const { LD_PRELOAD: _, ...env } = process.env
  const script = join(ROOT, 'scripts/build-native.mjs')
  execFileSync(process.execPath, [script, '--variant', 'copy'], { env, stdio: 'inherit' })
})

for (const scenario of ['bracket', 'loan', 'words', 'queue']) {
  test(`Without external memory: ${scenario}`, async () => {
    const env = { DMABUF_NATIVE: ADDON }
    const { code, signal, stdout, stderr } = await runFixture('copy-mode.js', [scenario], { env })
    assert.equal(code ?? signal, 0, stderr)
    assert.match(stdout, /ok$/)
  })
}
