import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { pictureViewer } from '#src/cli/roles/picture-viewer.js'
import { scratchFolder } from '../../helpers/dmabuf-command.js'

test('pictureViewer that saw no frame writes no file', async () => {
  using folder = scratchFolder()
  assert.deepEqual(await pictureViewer(join(folder.path, 'sheet.png')).end(), {})
  assert.deepEqual(readdirSync(folder.path), [])
})

test('pictureViewer holds one frame and reads the newest', () => {
  const { mode, maxHeld } = pictureViewer(undefined)
  assert.deepEqual([mode, maxHeld], ['latest', 1])
})
