// Goal: a descriptor of the kernel's is a buffer like any other, and one object however often it comes in.
// Method: pipes in the place of buffers; tests/kernel has the real ones.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exportFd } from '#src/linux/buffer-fd.js'
import { bufferOfKernelFd, isKernelBuffer, named } from '#src/linux/kernel-buffer.js'
import { createMemfd } from '#src/linux/memfd.js'
import { FakeKernelBuffers } from '../helpers/fake-kernel-buffers.js'
import { countResources, settled } from '../helpers/leaks.js'

const OURS = { exporterName: 'system', isForeign: false }

test('isKernelBuffer asks for the file system [BUF-14]', () => {
  using memory = createMemfd('frame', 4096)
  assert.equal(isKernelBuffer(memory), false)
  using fakes = new FakeKernelBuffers()
  using buffer = fakes.make().fd
  assert.equal(isKernelBuffer(buffer), true)
  buffer.close()
  assert.throws(() => isKernelBuffer(buffer), { code: 'EBADF' })
})

test('Descriptors of one buffer give handles on one object, and none is left open [BUF-17]', async () => {
  await settled()
  const before = countResources()
  {
    using fakes = new FakeKernelBuffers()
    const buffer = bufferOfKernelFd(fakes.make().fd, OURS)
    const again = bufferOfKernelFd(exportFd(buffer), { isForeign: true })
    assert.equal(again.reservation, buffer.reservation)
    assert.equal(again.exporterName, 'system')
    buffer.close()
    again.setName('one')
    assert.deepEqual(fakes.names, ['one'])
    again.close()
  }
  await settled()
  assert.deepEqual(countResources(), before)
})

test('What comes in after the last handle was closed is another object', () => {
  using fakes = new FakeKernelBuffers()
  const first = bufferOfKernelFd(fakes.make().fd, OURS)
  using fd = exportFd(first)
  const { reservation } = first
  first.close()
  using second = bufferOfKernelFd(fd.dup(), OURS)
  assert.notEqual(second.reservation, reservation)
})

test('Buffers that differ are never one object', () => {
  using fakes = new FakeKernelBuffers()
  using one = bufferOfKernelFd(fakes.make().fd, OURS)
  using other = bufferOfKernelFd(fakes.make().fd, OURS)
  assert.notEqual(one.inode, other.inode)
  assert.notEqual(one.reservation, other.reservation)
})

test('Accesses are told to the kernel, from the bracket and from a loan [CPU-1, CPU-6]', async () => {
  using fakes = new FakeKernelBuffers()
  using buffer = bufferOfKernelFd(fakes.make().fd, OURS)
  ;(await buffer.beginCpuAccess('write')).end()
  buffer.tryBeginCpuAccess('read')!.end()
  await buffer.lend('readwrite', () => Promise.resolve(), 0)
  assert.deepEqual(fakes.syncs, ['2', '6', '1', '5', '3', '7'])
})

test('ready waits for the kernel as well [BUF-38]', async () => {
  using fakes = new FakeKernelBuffers()
  const { fd, busy, ready } = fakes.make()
  using buffer = bufferOfKernelFd(fd, OURS)
  await buffer.ready('read')
  busy()
  await assert.rejects(buffer.ready('read', { timeoutMs: 2 }), { code: 'ETIMEDOUT' })
  const wait = buffer.ready('read')
  ready()
  await wait
})

test('A buffer that cannot have its name is closed', () => {
  using fakes = new FakeKernelBuffers()
  const buffer = bufferOfKernelFd(fakes.make().fd, OURS)
  assert.throws(() => named(buffer, 'x'.repeat(32)), { code: 'EINVAL' })
  assert.equal(buffer.closed, true)
  using other = named(bufferOfKernelFd(fakes.make().fd, OURS), undefined)
  assert.deepEqual([other.name, fakes.names], [undefined, []])
})

test('The descriptor is closed where it cannot be taken', () => {
  const closed = createMemfd('frame', 4096)
  closed.close()
  assert.throws(() => bufferOfKernelFd(closed, OURS), { code: 'EBADF' })
})
