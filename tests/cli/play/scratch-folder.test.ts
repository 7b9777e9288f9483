// Goal: a play that was killed leaves no folder for ever, and nobody's that lives is touched.
// Method: folders whose times are set back.
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { makeScratchFolder } from '#src/cli/play/scratch-folder.js'
import { ScratchFolder } from '../../helpers/fixture.js'

function parentOf(t: TestContext): ScratchFolder {
  const parent = new ScratchFolder()
  t.after(() => {
    parent[Symbol.dispose]()
  })
  return parent
}

function aged(folder: string, seconds: number): string {
  const time = Date.now() / 1000 - seconds
  utimesSync(folder, time, time)
  return folder
}

test('makeScratchFolder makes a folder of its own each time', (t) => {
  const parent = parentOf(t)
  const [first, second] = [makeScratchFolder(parent.path), makeScratchFolder(parent.path)]
  assert.notEqual(first, second)
  assert.ok(existsSync(first) && existsSync(second))
})

test('makeScratchFolder removes an empty folder that was left for more than a minute', (t) => {
  const parent = parentOf(t)
  const stale = aged(makeScratchFolder(parent.path), 61)
  const fresh = aged(makeScratchFolder(parent.path), 50)
  makeScratchFolder(parent.path)
  assert.equal(existsSync(stale), false)
  assert.equal(existsSync(fresh), true)
})

test('makeScratchFolder leaves a folder with a socket, and whatever has another name', (t) => {
  const parent = parentOf(t)
  const used = makeScratchFolder(parent.path)
  writeFileSync(join(used, 'queue.sock'), '')
  aged(used, 3600)
  const other = parent.file('dmabuf-other')
  mkdirSync(other)
  aged(other, 3600)
  makeScratchFolder(parent.path)
  assert.ok(existsSync(used) && existsSync(other))
})
