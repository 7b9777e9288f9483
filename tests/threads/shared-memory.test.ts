// Goal: the memory of a queue between threads is a fixed set of pieces that buffers borrow.
// Method: a pool of two.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openMemoryHeap } from '#src/index.js'
import { bufferOver, SharedPool } from '#src/threads/shared-memory.js'

test('SharedPool gives each piece to one buffer, and again once that is closed', () => {
  const pool = new SharedPool(2, 4096)
  const first = pool.allocate(4096)
  using second = pool.allocate(1)
  assert.deepEqual([pool.indexOf(first), pool.indexOf(second)], [0, 1])
  assert.throws(() => pool.allocate(1), { code: 'ENOMEM' })
  first.close()
  using third = pool.allocate(10)
  assert.equal(pool.indexOf(third), 0)
  assert.equal(third.lengthBytes, 10)
})

test('SharedPool refuses more bytes than a piece has, and names the option', () => {
  const pool = new SharedPool(1, 4096)
  assert.throws(() => pool.allocate(4097), { code: 'ENOMEM', message: /maxLengthBytes: 4097/ })
  pool.allocate(4096).close()
})

test('SharedPool knows buffers that are not its own', () => {
  const pool = new SharedPool(1, 4096)
  using other = bufferOver(new SharedArrayBuffer(4096), 4096)
  using plain = openMemoryHeap().allocate(4096)
  assert.equal(pool.indexOf(other), -1)
  assert.equal(pool.indexOf(plain), -1)
})

test('Buffers over one piece of memory show the same bytes', () => {
  const memory = new SharedArrayBuffer(16)
  using one = bufferOver(memory, 16)
  using two = bufferOver(memory, 8)
  using write = one.tryBeginCpuAccess('write')!
  write.bytes.fill(7)
  using read = two.tryBeginCpuAccess('read')!
  assert.deepEqual([...read.bytes], Array(8).fill(7))
})
