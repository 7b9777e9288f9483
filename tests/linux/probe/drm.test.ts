// Goal: what a machine has for graphics is asked, not guessed.
// Method: machines in folders; a real driver is in tests/kernel.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drmPaths, probeDrm } from '#src/linux/probe/drm.js'
import { addDeadNode, fakeMachine } from '../../helpers/fake-machine.js'
import { openFds } from '../../helpers/leaks.js'

test('drmPaths: cards, then nodes for rendering, by number; the first card where there is none', () => {
  const files = { '/dev/dri/renderD128': '', '/dev/dri/card1': '', '/dev/dri/by-path/x': '' }
  using machine = fakeMachine(files)
  assert.deepEqual(drmPaths(machine.look()), ['/dev/dri/card1', '/dev/dri/renderD128'])
  using empty = fakeMachine()
  assert.deepEqual(drmPaths(empty.look()), ['/dev/dri/card0'])
})

test('probeDrm: a node that is no DRM device says so, and is closed', async () => {
  using machine = fakeMachine()
  addDeadNode(machine, '/dev/dri/card0')
  const before = openFds()
  const { reason } = await probeDrm('/dev/dri/card0', machine.look())
  assert.match(reason ?? '', /no DRM device/)
  assert.deepEqual(openFds(), before)
})

test('probeDrm: without a device there is one for tests', async () => {
  using machine = fakeMachine()
  assert.match((await probeDrm('/dev/dri/card0', machine.look())).fix ?? '', /modprobe vgem/)
})
