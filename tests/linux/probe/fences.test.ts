// Goal: without a buffer to try it on, nobody is told that sync files are missing: they were not tried.
// Method: machines in folders; real fences are in tests/kernel.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { probeFences } from '#src/linux/probe/fences.js'
import { addDeadNode, fakeMachine } from '../../helpers/fake-machine.js'
import { openFds } from '../../helpers/leaks.js'

test('probeFences: without a dma-buf sync files and deadlines are not tried', async () => {
  using machine = fakeMachine()
  const found = await probeFences(machine.look())
  assert.deepEqual(
    found.map(({ name }) => name),
    ['sync files', 'deadlines of fences', 'sw_sync'],
  )
  for (const { reason } of found.slice(0, 2)) assert.match(reason ?? '', /not tried/)
})

test('probeFences: sw_sync is there where it can be opened, and is closed', async () => {
  using machine = fakeMachine()
  addDeadNode(machine, '/sys/kernel/debug/sync/sw_sync')
  const before = openFds()
  const swSync = (await probeFences(machine.look())).at(-1)
  assert.equal(swSync?.reason, undefined)
  assert.deepEqual(openFds(), before)
})
