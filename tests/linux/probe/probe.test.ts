// Goal: the whole machine in one answer, whatever is missing, broken or silent there, and nothing left behind.
// Method: this machine, and machines in folders.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { openSync, closeSync } from 'node:fs'
import { test } from 'node:test'
import { CAPABILITY_GROUPS } from '#src/linux/probe/capability.js'
import { probe, probeMachineOf } from '#src/linux/probe/probe.js'
import { fakeMachine } from '../../helpers/fake-machine.js'
import { countResources, settled, until } from '../../helpers/leaks.js'

test('probe tells of memfd that it works here, and leaves nothing open or mapped', async () => {
  await probe()
  await settled()
  const before = countResources()
  const capabilities = await probe()
  await settled()
  assert.deepEqual(countResources(), before)
  assert.equal(capabilities.find(({ name }) => name === 'memfd')?.available, true)
})

test('probe: what is refused has a reason, what is available has none, names are there once', async () => {
  const capabilities = await probe()
  for (const { name, available, reason, fix } of capabilities) {
    assert.equal(available, reason === undefined, name)
    if (available) assert.equal(fix, undefined, name)
  }
  const names = capabilities.map(({ name }) => name)
  assert.deepEqual(names, [...new Set(names)])
})

test('probe groups what it tells, in one order', async () => {
  const groups = (await probe()).map(({ group }) => CAPABILITY_GROUPS.indexOf(group))
  assert.deepEqual(
    groups,
    [...groups].sort((a, b) => a - b),
  )
})

test('probe answers of an empty machine as well', async () => {
  using machine = fakeMachine()
  const capabilities = await probeMachineOf(machine.look())
  const heap = capabilities.find(({ name }) => name === '/dev/dma_heap/system')
  assert.equal(heap?.available, false)
})

test('probe goes on where a device never answers, and closes it when it does', async () => {
  using machine = fakeMachine({ '/sys/kernel/debug/dma_buf/x': '' })
  // Opening one to read waits for a writer.
  const fifo = `${machine.root}/sys/kernel/debug/dma_buf/bufinfo`
  execFileSync('mkfifo', [fifo])
  const before = countResources()
  const capabilities = await probeMachineOf(machine.look(), 200)
  const silent = capabilities.find(({ name }) => name === 'debugging')
  assert.match(silent?.reason ?? '', /did not answer/)
  closeSync(openSync(fifo, 'r+'))
  await until(() => countResources().fds === before.fds)
})
