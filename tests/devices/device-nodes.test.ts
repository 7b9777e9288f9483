// Goal: nodes are found by their name and number, in the order of the numbers.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { deviceNodes, namesIn } from '#src/devices/device-nodes.js'
import { native } from '#src/linux/native.js'

test('deviceNodes sorts by number, and takes nothing else', () => {
  const folder = mkdtempSync(join(tmpdir(), 'dmabuf-nodes-'))
  try {
    for (const name of ['card10', 'card9', 'card', 'card1-hdmi', 'xcard2'])
      writeFileSync(join(folder, name), '')
    assert.deepEqual(deviceNodes(folder, 'card'), [join(folder, 'card9'), join(folder, 'card10')])
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('deviceNodes has none where there is no such folder', () => {
  assert.deepEqual(deviceNodes('/nonexistent', 'card'), [])
})

test('deviceNodes does not say that there is none where it cannot look', () => {
  const taken: number[] = []
  for (let fd = native().dup(0); fd >= 0; fd = native().dup(0)) taken.push(fd)
  try {
    assert.throws(() => deviceNodes('/dev', 'tty'), { name: 'DmaBufError', code: 'EMFILE' })
    assert.deepEqual(namesIn('/dev'), [])
  } finally {
    for (const fd of taken) native().close(fd)
  }
})
