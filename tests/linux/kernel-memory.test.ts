// Goal: who waits for a buffer of the kernel's is woken when it is ready, and nothing of it stays behind.
// Method: pipes in the place of buffers.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KernelMemory } from '#src/linux/kernel-memory.js'
import { POLLIN } from '#src/uapi/file.js'
import { FakeKernelBuffers } from '../helpers/fake-kernel-buffers.js'
import { countResources, settled } from '../helpers/leaks.js'

test('poll says what is there, and wakes once where something is not', async () => {
  using fakes = new FakeKernelBuffers()
  const { fd, busy, ready } = fakes.make()
  const memory = new KernelMemory(fd, 4096)
  let woken = 0
  const wake = (): number => woken++
  assert.equal(memory.poll(POLLIN, wake), POLLIN)
  busy()
  assert.equal(memory.poll(POLLIN, wake), 0)
  ready()
  await new Promise<void>((resolve) => memory.watch.once(POLLIN, resolve))
  assert.equal(woken, 1)
  assert.equal(memory.poll(POLLIN, wake), POLLIN)
  memory.release()
})

test('Nobody is woken after stopPolling', async () => {
  using fakes = new FakeKernelBuffers()
  const { fd, busy, ready } = fakes.make()
  const memory = new KernelMemory(fd, 4096)
  busy()
  assert.equal(
    memory.poll(POLLIN, () => assert.fail('woken')),
    0,
  )
  memory.stopPolling()
  memory.stopPolling()
  ready()
  await new Promise<void>((resolve) => memory.watch.once(POLLIN, resolve))
  memory.release()
})

test('release closes the descriptor and what watches it', async () => {
  await settled()
  const before = countResources()
  {
    using fakes = new FakeKernelBuffers()
    const { fd, busy } = fakes.make()
    const memory = new KernelMemory(fd, 4096)
    busy()
    memory.poll(POLLIN, () => assert.fail('woken'))
    memory.release()
    assert.equal(fd.closed, true)
  }
  await settled()
  assert.deepEqual(countResources(), before)
})
