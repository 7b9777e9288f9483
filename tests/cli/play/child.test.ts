import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { Child } from '#src/cli/play/child.js'
import type { Report } from '#src/cli/roles/report.js'
import { scratchFolder } from '../../helpers/dmabuf-command.js'

test('Child hands on reports, ends when told to, and says how it ended', async () => {
  using folder = scratchFolder()
  let ready: (report: Report) => void
  const first = new Promise<Report>((resolve) => {
    ready = resolve
  })
  const child = new Child(
    'camera',
    ['camera', join(folder.path, 'socket')],
    (report) => {
      ready(report)
    },
    () => {},
  )
  const report = await first
  assert.equal(report.kind, 'camera-ready')
  assert.equal(child.exitCode, undefined)
  child.stop()
  assert.equal(await child.exited, 0)
  assert.equal(child.exitCode, 0)
})

test('Child says which signal killed it; telling it something afterwards is harmless', async () => {
  using folder = scratchFolder()
  const child = new Child(
    'camera',
    ['camera', join(folder.path, 'socket')],
    () => {},
    () => {},
  )
  child.kill('SIGKILL')
  assert.equal(await child.exited, 'SIGKILL')
  child.stop()
  child.kill('SIGKILL')
})

test('Child hands on what is said on standard error, all of it before it ends', async () => {
  let said = ''
  const child = new Child(
    'camera',
    ['camera', '/', 'x'],
    () => {},
    (text) => {
      said += text
    },
  )
  assert.equal(await child.exited, 1)
  assert.match(said, /^dmabuf: .*\n$/)
})
