// Goal: a viewer started by hand says what it saw, and tells a clean end from a death.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { scratchFolder, startDmabuf, y4mClip } from '../../helpers/dmabuf-command.js'

const clip = y4mClip({ width: 64, height: 36, frames: 20 })

test('view --wait may start before its camera', async () => {
  using folder = scratchFolder()
  writeFileSync(join(folder.path, 'clip.y4m'), clip)
  const viewer = startDmabuf(['view', 'queue.sock', '--wait'], folder.path)
  const camera = await startDmabuf(['camera', 'queue.sock', 'clip.y4m'], folder.path).ended
  const viewed = await viewer.ended
  assert.deepEqual([camera.code, viewed.code], [0, 0], viewed.stderr)
  assert.match(viewed.stdout, /20 frames/)
})

test('view says in one line that its camera died, and exits with 1', async () => {
  using folder = scratchFolder()
  writeFileSync(join(folder.path, 'clip.y4m'), clip)
  const camera = startDmabuf(['camera', 'queue.sock', 'clip.y4m', '--loop'], folder.path)
  await camera.printed('buffers')
  const viewer = startDmabuf(['view', 'queue.sock'], folder.path)
  await viewer.printed('view (fifo)')
  camera.child.kill('SIGKILL')
  const ended = await viewer.ended
  assert.equal(ended.code, 1)
  assert.match(ended.stderr, /^dmabuf: EOWNERDEAD: The peer \(pid \d+\) died without a goodbye\n$/)
  await camera.ended
})

test('view --latest --contact-sheet writes a PNG; --frames stops it', async () => {
  using folder = scratchFolder()
  writeFileSync(join(folder.path, 'clip.y4m'), clip)
  const camera = startDmabuf(['camera', 'queue.sock', 'clip.y4m', '--loop'], folder.path)
  await camera.printed('buffers')
  const args = ['view', 'queue.sock', '--latest', '--frames', '9', '--contact-sheet', 'sheet.png']
  const viewed = await startDmabuf(args, folder.path).ended
  assert.equal(viewed.code, 0, viewed.stderr)
  assert.match(viewed.stdout, /view \(latest\): 9 frames/)
  assert.equal(readFileSync(join(folder.path, 'sheet.png')).subarray(1, 4).toString(), 'PNG')
  camera.child.kill('SIGTERM')
  assert.equal((await camera.ended).code, 0)
})
