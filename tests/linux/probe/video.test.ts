// Goal: what a machine has for video is asked, not guessed.
// Method: machines in folders; real drivers are in tests/kernel.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { probeVideo, videoPaths } from '#src/linux/probe/video.js'
import { addDeadNode, fakeMachine } from '../../helpers/fake-machine.js'
import { openFds } from '../../helpers/leaks.js'

test('videoPaths: all nodes, or the first where there is none', () => {
  using machine = fakeMachine({ '/dev/video2': '', '/dev/video10': '' })
  assert.deepEqual(videoPaths(machine.look()), ['/dev/video2', '/dev/video10'])
  using empty = fakeMachine()
  assert.deepEqual(videoPaths(empty.look()), ['/dev/video0'])
})

test('probeVideo: a node that is no video device says so, and is closed', async () => {
  using machine = fakeMachine()
  addDeadNode(machine, '/dev/video0')
  const before = openFds()
  const { reason } = await probeVideo('/dev/video0', machine.look())
  assert.match(reason ?? '', /no video device/)
  assert.deepEqual(openFds(), before)
})

test('probeVideo: without a camera there is one for tests', async () => {
  using machine = fakeMachine()
  assert.match((await probeVideo('/dev/video0', machine.look())).fix ?? '', /modprobe vivid/)
})
