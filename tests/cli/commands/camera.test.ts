// Goal: the three roles work when a person starts them by hand, in any order.
import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { scratchFolder, startDmabuf, y4mClip } from '../../helpers/dmabuf-command.js'

const clip = y4mClip({ width: 64, height: 36, frames: 20 })

test('camera waits for its first viewer, plays the clip, and removes its socket', async () => {
  using folder = scratchFolder()
  writeFileSync(join(folder.path, 'clip.y4m'), clip)
  const camera = startDmabuf(['camera', 'queue.sock', 'clip.y4m'], folder.path)
  await camera.printed('64x36 YU12 at 50 fps, 5 buffers of 3456 bytes')
  const viewer = await startDmabuf(['view', 'queue.sock'], folder.path).ended
  const ended = await camera.ended
  assert.deepEqual([ended.code, viewer.code], [0, 0])
  assert.match(ended.stdout, /camera: 20 frames/)
  assert.match(viewer.stdout, /view \(fifo\): 20 frames, 0 skipped/)
  assert.equal(existsSync(join(folder.path, 'queue.sock')), false)
})

test('camera ends cleanly on SIGINT, and so do its viewers', async () => {
  using folder = scratchFolder()
  writeFileSync(join(folder.path, 'clip.y4m'), clip)
  const camera = startDmabuf(['camera', 'queue.sock', 'clip.y4m', '--loop'], folder.path)
  await camera.printed('buffers')
  const viewer = startDmabuf(['view', 'queue.sock'], folder.path)
  await viewer.printed('view (fifo)')
  camera.child.kill('SIGINT')
  const [ended, viewed] = await Promise.all([camera.ended, viewer.ended])
  assert.deepEqual([ended.code, viewed.code], [0, 0], ended.stderr + viewed.stderr)
  assert.equal(existsSync(join(folder.path, 'queue.sock')), false)
})

test('camera refuses a viewer that its buffers do not allow, with the number to set', async () => {
  using folder = scratchFolder()
  writeFileSync(join(folder.path, 'clip.y4m'), clip)
  const args = ['camera', 'queue.sock', 'clip.y4m', '--loop', '--buffers', '4']
  const camera = startDmabuf(args, folder.path)
  await camera.printed('buffers')
  const first = startDmabuf(['view', 'queue.sock'], folder.path)
  await first.printed('view (fifo)')
  const second = await startDmabuf(['view', 'queue.sock', '--latest'], folder.path).ended
  assert.equal(second.code, 1)
  assert.match(second.stderr, /EBUSY: .*\{ buffers: 5 \}/)
  camera.child.kill('SIGTERM')
  assert.deepEqual([(await camera.ended).code, (await first.ended).code], [0, 0])
})
