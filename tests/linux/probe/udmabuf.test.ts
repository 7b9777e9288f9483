// Goal: udmabuf is tried, and what it refuses is said.
// Method: machines in folders; the real one is tried in tests/kernel.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { probeUdmabuf } from '#src/linux/probe/udmabuf.js'
import { addDeadNode, fakeMachine } from '../../helpers/fake-machine.js'
import { countResources } from '../../helpers/leaks.js'

test('probeUdmabuf: a node that is none makes nothing, and nothing stays open', async () => {
  using machine = fakeMachine()
  addDeadNode(machine, '/dev/udmabuf')
  const before = countResources()
  const { reason } = await probeUdmabuf(machine.look())
  assert.match(reason ?? '', /makes no dma-buf of a page \(ENOTTY\)/)
  assert.deepEqual(countResources(), before)
})

test('probeUdmabuf: where it is missing its module is to be loaded', async () => {
  using machine = fakeMachine()
  const { name, fix } = await probeUdmabuf(machine.look())
  assert.equal(name, '/dev/udmabuf')
  assert.equal(fix, 'sudo modprobe udmabuf')
})
