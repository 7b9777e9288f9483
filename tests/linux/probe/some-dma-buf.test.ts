// Goal: a buffer to try things on, from whoever gives one, and none where nobody does.
// Method: machines in folders; one that gives a buffer is in tests/kernel.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { someDmaBuf } from '#src/linux/probe/some-dma-buf.js'
import { addDeadNode, fakeMachine } from '../../helpers/fake-machine.js'
import { countResources } from '../../helpers/leaks.js'

test('someDmaBuf is undefined where no device gives one, and closes those that it tried', async () => {
  using machine = fakeMachine()
  addDeadNode(machine, '/dev/dma_heap/system')
  addDeadNode(machine, '/dev/udmabuf')
  const before = countResources()
  assert.equal(await someDmaBuf(machine.look()), undefined)
  assert.deepEqual(countResources(), before)
})
