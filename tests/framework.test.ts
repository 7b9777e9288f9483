// Goal: what drivers need is in one place, beside what users need and not in its way.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as framework from '#src/framework.js'
import * as users from '#src/index.js'

test('dmabuf/framework repeats no name of dmabuf: each has one home', () => {
  const names = new Set(Object.keys(users))
  assert.deepEqual(
    Object.keys(framework).filter((name) => names.has(name)),
    [],
  )
})

test('dmabuf has no more than 40 names at run time', () => {
  assert.ok(Object.keys(users).length <= 40)
})

test('Fences, locks and descriptors work together through the two entries alone', async () => {
  using table = new framework.DescriptorTable()
  using buffer = users.openMemoryHeap().allocate(4096, { name: 'frame' })
  const fd = framework.descriptorForBuffer(table, buffer.dup())
  const done = new users.Fence({ driverName: 'gpu', timelineName: 'copy' }, 1, 1)
  await framework.submit([{ reservation: buffer.reservation, write: true }], () => done)
  using same = framework.bufferOfDescriptor(table, fd)
  assert.equal(same.inode, buffer.inode)
  assert.equal(same.tryBeginCpuAccess('read'), undefined)
  framework.signalFence(done)
  using access = same.tryBeginCpuAccess('read')
  assert.equal(access?.bytes.length, 4096)
})
