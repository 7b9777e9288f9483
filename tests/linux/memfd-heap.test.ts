// Goal: a memfd heap gives ordinary memory that others can map, and takes all of it back.
// Method: allocates, looks at the kernel's view of it in /proc, closes, counts.
import assert from 'node:assert/strict'
import { totalmem } from 'node:os'
import { test } from 'node:test'
import { HUGE_PAGE_BYTES, PAGE_BYTES } from '#src/linux/memfd.js'
import { openMemfdHeap } from '#src/linux/memfd-heap.js'
import { fdOf } from '#src/linux/memory-of-fd.js'
import { native } from '#src/linux/native.js'
import { countResources, mappedMemfds, openFds, settled } from '../helpers/leaks.js'

test('openMemfdHeap says what it is and what it cannot do', () => {
  const heap = openMemfdHeap()
  assert.equal(heap.kind, 'memfd')
  assert.equal(heap.name, 'memfd')
  assert.equal(openMemfdHeap({ name: 'camera' }).name, 'camera')
  assert.match(heap.losses.join(), /no.*device can import/i)
})

test('MemfdHeap.allocate rounds up to whole pages', () => {
  const heap = openMemfdHeap()
  for (const [asked, given] of [
    [1, 4096],
    [4096, 4096],
    [4097, 8192],
  ] as const) {
    using buffer = heap.allocate(asked)
    assert.equal(buffer.lengthBytes, given)
    using access = buffer.tryBeginCpuAccess('read')
    assert.equal(access?.bytes.length, given)
  }
})

test('MemfdHeap.allocate takes safe integers from 1 only', () => {
  const heap = openMemfdHeap()
  for (const wrong of [0, -1, 1.5, NaN, Infinity, 2 ** 53, '4096', undefined])
    assert.throws(() => heap.allocate(wrong as number), RangeError)
})

test('MemfdHeap.allocate fails with ENOMEM beyond the memory of the machine, and leaves nothing', () => {
  const before = countResources()
  assert.throws(() => openMemfdHeap().allocate(totalmem() + 1), { code: 'ENOMEM' })
  assert.throws(() => openMemfdHeap().allocate(2 ** 52), { code: 'ENOMEM' })
  assert.deepEqual(countResources(), before)
})

test('MemfdHeap.allocate shows the name of the buffer, or of the heap, in /proc', () => {
  const heap = openMemfdHeap({ name: 'camera' })
  using plain = heap.allocate(1)
  using named = heap.allocate(1, { name: 'frame-7' })
  assert.equal(plain.name, undefined)
  assert.equal(named.name, 'frame-7')
  assert.equal(named.exporterName, 'camera')
  for (const name of ['camera', 'frame-7']) {
    assert.ok(mappedMemfds().some((line) => line.includes(`/memfd:dmabuf:${name} `)))
    assert.ok(openFds().some((line) => line.includes(`/memfd:dmabuf:${name} `)))
  }
})

test('MemfdHeap.allocate refuses a name that is too long for a buffer, however long [BUF-52]', () => {
  using heap = openMemfdHeap()
  for (const length of [32, 300])
    assert.throws(() => heap.allocate(1, { name: 'x'.repeat(length) }), { code: 'EINVAL' })
})

test('MemfdHeap.allocate seals the memory against shrinking, growing and further seals', () => {
  using buffer = openMemfdHeap().allocate(PAGE_BYTES)
  const { number } = fdOf(buffer, 'test')
  assert.equal(native().getSeals(number) & 7, 7)
  assert.equal(native().truncate(number, 1), -1)
  assert.equal(native().addSeals(number, 16), -1)
})

test('MemfdHeap buffers are zeroed, apart from each other, and gone when the last handle is', async () => {
  await settled()
  const before = countResources()
  const heap = openMemfdHeap()
  const first = heap.allocate(PAGE_BYTES)
  const second = heap.allocate(PAGE_BYTES)
  assert.notEqual(first.inode, second.inode)
  {
    using access = first.tryBeginCpuAccess('write')
    access?.bytes.fill(9)
  }
  {
    using access = second.tryBeginCpuAccess('read')
    assert.ok(access?.bytes.every((byte) => byte === 0))
  }
  const again = first.dup()
  first.close()
  {
    using access = again.tryBeginCpuAccess('read')
    assert.equal(access?.bytes[4095], 9)
  }
  again.close()
  second.close()
  await settled()
  assert.deepEqual(countResources(), before)
})

test('MemfdHeap.allocate closes the memory where the buffer cannot be made', async () => {
  await settled()
  const before = countResources()
  assert.throws(() => openMemfdHeap().allocate(1, { name: 'x'.repeat(32) }), { code: 'EINVAL' })
  await settled()
  assert.deepEqual(countResources(), before)
})

test('MemfdHeap with huge pages rounds up to 2 MiB, or says what to raise', (t) => {
  const heap = openMemfdHeap({ hugePages: true })
  try {
    using buffer = heap.allocate(1)
    assert.equal(buffer.lengthBytes, HUGE_PAGE_BYTES)
  } catch (error) {
    assert.match(String(error), /2097152 bytes of huge pages: raise vm\.nr_hugepages/)
    t.diagnostic('This machine has no huge pages to give: looked at the error only')
  }
})
