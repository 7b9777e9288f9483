// Goal: a buffer knows the descriptor behind it, and gives back memory and descriptor together.
// Method: buffers of a memfd heap, and one of an exporter that has no descriptor.
import assert from 'node:assert/strict'
import { fstatSync } from 'node:fs'
import { test } from 'node:test'
import { exportBuffer } from '#src/core/buffer/buffer.js'
import { createMemfd, PAGE_BYTES } from '#src/linux/memfd.js'
import { openMemfdHeap } from '#src/linux/memfd-heap.js'
import { MapMode, Mapping } from '#src/linux/mapping.js'
import { fdOf, MemoryOfFd } from '#src/linux/memory-of-fd.js'
import { FakeExporter } from '../helpers/fake-exporter.js'
import { countResources } from '../helpers/leaks.js'

test('fdOf borrows the descriptor of a buffer, the same each time', () => {
  using buffer = openMemfdHeap().allocate(PAGE_BYTES)
  const fd = fdOf(buffer, 'test')
  assert.equal(fdOf(buffer, 'test'), fd)
  assert.equal(fstatSync(fd.number, { bigint: true }).ino, buffer.inode)
})

test('fdOf fails with EINVAL for a buffer that has none, and names its exporter', () => {
  const state = new FakeExporter(16)
  using buffer = exportBuffer({ exporterName: 'plain', lengthBytes: 16, ops: state, state })
  assert.throws(() => fdOf(buffer, 'exportFd'), {
    code: 'EINVAL',
    operation: 'exportFd',
    message: /A buffer of plain has no file descriptor/,
  })
})

test('fdOf fails with EBADF after close()', () => {
  const buffer = openMemfdHeap().allocate(PAGE_BYTES)
  buffer.close()
  assert.throws(() => fdOf(buffer, 'exportFd'), { code: 'EBADF', operation: 'exportFd' })
})

test('MemoryOfFd.release gives back the mapping and the descriptor', () => {
  const before = countResources()
  const fd = createMemfd('frame', PAGE_BYTES)
  const memory = new MemoryOfFd(fd, new Mapping(fd, PAGE_BYTES, MapMode.shared))
  const view = memory.openView('write', 'bracket', 16)
  assert.equal(view.bytes.length, 16)
  view.end()
  memory.release()
  assert.equal(fd.closed, true)
  assert.equal(countResources().fds, before.fds)
})
