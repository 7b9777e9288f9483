import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { compareHandoff } from '#src/cli/play/compare.js'

function children(): string {
  return readFileSync(`/proc/self/task/${String(process.pid)}/children`, 'utf8').trim()
}

test('compareHandoff measures both ways with one real process, and ends it', async () => {
  const before = children()
  const comparison = await compareHandoff(new AbortController().signal)
  assert.equal(comparison.frameBytes, 3840 * 2160 * 1.5)
  assert.ok(comparison.queueP50Us > 0)
  // Not a benchmark: serialising 12 MB takes longer than ringing a bell on any machine.
  assert.ok(comparison.ipcP50Us > comparison.queueP50Us)
  assert.equal(children(), before)
})

test('compareHandoff rejects when it is aborted, and ends its process', async () => {
  const before = children()
  const controller = new AbortController()
  const comparing = compareHandoff(controller.signal)
  setImmediate(() => {
    controller.abort()
  })
  await assert.rejects(comparing)
  assert.equal(children(), before)
})
