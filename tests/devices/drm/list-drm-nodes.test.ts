// Goal: nodes are listed with their drivers, and why one cannot be opened.
// Method: a folder of links.
import assert from 'node:assert/strict'
import { symlinkSync } from 'node:fs'
import { test } from 'node:test'
import { listDrmNodes } from '#src/devices/drm/list-drm-nodes.js'
import { FAKE_NODE, FakeDrm } from '../../helpers/fake-drm.js'
import { ScratchFolder } from '../../helpers/fixture.js'

test('listDrmNodes lists cards, then render nodes, by number, each with its driver or the reason', () => {
  using _fake = new FakeDrm()
  using folder = new ScratchFolder()
  for (const name of ['renderD128', 'card10', 'card9', 'by-path'])
    symlinkSync(FAKE_NODE, folder.file(name))
  symlinkSync('/nowhere', folder.file('card1'))
  const found = listDrmNodes(folder.path).map(({ path, kind, driverName, error }) => [
    path.slice(folder.path.length + 1),
    kind,
    driverName,
    error?.code,
  ])
  assert.deepEqual(found, [
    ['card1', 'card', undefined, 'ENOENT'],
    ['card9', 'card', 'vgem', undefined],
    ['card10', 'card', 'vgem', undefined],
    ['renderD128', 'render', 'vgem', undefined],
  ])
})

test('listDrmNodes finds none where there is no such folder', () => {
  assert.deepEqual(listDrmNodes('/nowhere'), [])
})
