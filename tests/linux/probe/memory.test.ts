// Goal: shared memory works here, and trying it leaves nothing behind.
// Method: this machine; what is only read comes from machines in folders.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MEMFD, probeMemory } from '#src/linux/probe/memory.js'
import { native } from '#src/linux/native.js'
import { lookAround } from '#src/linux/probe/surroundings.js'
import { fakeMachine } from '../../helpers/fake-machine.js'
import { countResources, settled } from '../../helpers/leaks.js'

test('probeMemory makes and maps a memfd, and views it, and leaves nothing', async () => {
  const surroundings = lookAround()
  probeMemory(surroundings)
  await settled()
  const before = countResources()
  const found = probeMemory(surroundings)
  await settled()
  assert.deepEqual(countResources(), before)
  const names = found.filter(({ reason }) => reason === undefined).map(({ name }) => name)
  assert.ok(names.includes(MEMFD))
  assert.ok(names.includes('external ArrayBuffers'))
})

test('probeMemory tells the setting of vm.memfd_noexec and the pool of huge pages', () => {
  const pool = '/sys/kernel/mm/hugepages/hugepages-2048kB'
  using machine = fakeMachine({
    '/proc/sys/vm/memfd_noexec': '1\n',
    [`${pool}/nr_hugepages`]: '8\n',
    [`${pool}/free_hugepages`]: '3\n',
  })
  const [memfd, hugePages] = probeMemory(machine.look())
  assert.match(memfd?.detail ?? '', /vm\.memfd_noexec=1$/)
  assert.equal(hugePages?.detail, '3 of 8 pages of 2 MiB are free')
})

test('probeMemory says nothing of a pool that it cannot read, and blames none that is not at fault', () => {
  using machine = fakeMachine({})
  const taken: number[] = []
  for (let fd = native().dup(0); fd >= 0; fd = native().dup(0)) taken.push(fd)
  try {
    const [, hugePages] = probeMemory(machine.look())
    assert.equal(hugePages?.detail, 'how many there are cannot be read')
    assert.match(hugePages.reason ?? '', /EMFILE/)
    assert.equal(hugePages.fix, undefined)
  } finally {
    for (const fd of taken) native().close(fd)
  }
})
