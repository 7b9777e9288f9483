// Goal: every heap of a machine is tried, those that it only knows of as well.
// Method: machines in folders; the real ones are tried in tests/kernel.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { heapPaths, probeHeap } from '#src/linux/probe/dma-heaps.js'
import { addDeadNode, fakeMachine } from '../../helpers/fake-machine.js'
import { openFds } from '../../helpers/leaks.js'

const SYSTEM = '/dev/dma_heap/system'

test('heapPaths: system always, and what has a node or is known to the kernel', () => {
  using machine = fakeMachine({
    '/dev/dma_heap/reserved': '',
    '/sys/class/dma_heap/default_cma_region/dev': '251:1',
  })
  assert.deepEqual(heapPaths(machine.look()), [
    SYSTEM,
    '/dev/dma_heap/reserved',
    '/dev/dma_heap/default_cma_region',
  ])
})

test('probeHeap: a node that is no heap opens and gives nothing, and is closed', async () => {
  using machine = fakeMachine()
  addDeadNode(machine, SYSTEM)
  const before = openFds()
  const { reason, fix } = await probeHeap(SYSTEM, machine.look())
  assert.match(reason ?? '', /gives no page \(ENOTTY\)/)
  assert.match(fix ?? '', /no heap/)
  assert.deepEqual(openFds(), before)
})

test('probeHeap: a heap that the container was not given names the option to pass', async () => {
  const files = { '/.dockerenv': '', '/sys/class/dma_heap/system/dev': '251:0' }
  using machine = fakeMachine(files)
  const { name, fix } = await probeHeap(SYSTEM, machine.look())
  assert.equal(name, SYSTEM)
  assert.equal(fix, 'docker run --device /dev/dma_heap/system …')
})
