// Goal: where buffers can be looked at is said, without looking at them: that takes every buffer's lock.
// Method: machines in folders; the real files are in tests/kernel.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { probeDebugging } from '#src/linux/probe/debugging.js'
import { addDeadNode, fakeMachine } from '../../helpers/fake-machine.js'

test('probeDebugging: bufinfo is there where it opens', async () => {
  using machine = fakeMachine()
  addDeadNode(machine, '/sys/kernel/debug/dma_buf/bufinfo')
  const [bufinfo, fdinfo] = await probeDebugging(machine.look())
  assert.equal(bufinfo?.reason, undefined)
  assert.match(fdinfo?.reason ?? '', /not tried/)
})

test('probeDebugging: where debugfs is not mounted it says how', async () => {
  using machine = fakeMachine()
  const [bufinfo] = await probeDebugging(machine.look())
  assert.match(bufinfo?.fix ?? '', /mount -t debugfs/)
})
