// Goal: people read why, programs parse it, and the exit code says whether sharing works at all.
// Method: the real command, on this machine and without the native part.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Capability } from '#src/linux/index.js'
import { runDmabuf, scratchFolder, startDmabuf } from '../../helpers/dmabuf-command.js'

const MAIN = fileURLToPath(import.meta.resolve('#src/cli/main.js'))

interface Printed {
  readonly version: number
  readonly works: boolean
  readonly capabilities: readonly Capability[]
}

test('dmabuf doctor names what it looked at, without colour in a pipe, and exits with 0', async () => {
  using folder = scratchFolder()
  const { code, stdout, stderr } = await runDmabuf(['doctor'], folder.path)
  assert.equal(code, 0, stderr)
  assert.match(stdout, /^ {2}ok {2}memfd /m)
  assert.match(stdout, /^ {2}(ok|no) {2}\/dev\/dma_heap\/system /m)
  assert.match(stdout, /Buffers can be shared here.*\.\n$/)
  assert.ok(!stdout.includes('\x1b'))
})

test('dmabuf doctor --json prints one object with the same', async () => {
  using folder = scratchFolder()
  const { code, stdout } = await runDmabuf(['doctor', '--json'], folder.path)
  assert.equal(code, 0)
  const { version, works, capabilities } = JSON.parse(stdout) as Printed
  assert.deepEqual([version, works], [1, true])
  for (const { name, detail, available, reason } of capabilities) {
    assert.equal(typeof detail, 'string')
    assert.equal(typeof reason, available ? 'undefined' : 'string', name)
  }
})

test('dmabuf doctor exits with 1 where nothing can be shared, and says what to do', async () => {
  using folder = scratchFolder()
  const env = { DMABUF_NATIVE: '/nonexistent.node' }
  const text = await startDmabuf(['doctor'], folder.path, undefined, env).ended
  assert.equal(text.code, 1)
  assert.match(text.stdout, /^ {2}no {2}native addon /m)
  assert.match(text.stdout, /build:native/)
  assert.match(text.stdout, /cannot be shared here/)
  const json = await startDmabuf(['doctor', '--json'], folder.path, undefined, env).ended
  assert.equal(json.code, 1)
  const { works, capabilities } = JSON.parse(json.stdout) as Printed
  assert.equal(works, false)
  const tried = capabilities.filter(({ group }) => group !== 'machine')
  assert.deepEqual(
    tried.map(({ name, reason }) => [name, reason]),
    [['memfd', 'not tried: the native addon is missing']],
  )
})

test('dmabuf doctor says in a line that its output cannot be written, and exits with 1', () => {
  const full = openSync('/dev/full', 'w')
  try {
    const stdio = ['ignore', full, 'pipe'] as const
    const { status, stderr } = spawnSync(process.execPath, [MAIN, 'doctor'], { stdio: [...stdio] })
    assert.equal(status, 1)
    assert.match(String(stderr), /^dmabuf: cannot write the output: ENOSPC.*\n$/)
  } finally {
    closeSync(full)
  }
})
