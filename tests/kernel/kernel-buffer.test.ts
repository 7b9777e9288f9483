// Goal: buffers of the kernel's heaps and of udmabuf behave as any other buffer, and as the kernel says.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readlinkSync } from 'node:fs'
import { test } from 'node:test'
import { exportBuffer } from '#src/core/buffer/buffer.js'
import { exportFd, importFd } from '#src/linux/buffer-fd.js'
import { openDmaHeap } from '#src/linux/dma-heap.js'
import { fdInfo } from '#src/linux/fd-info.js'
import { createMemfd, sealForReaders } from '#src/linux/memfd.js'
import { openMemfdHeap } from '#src/linux/memfd-heap.js'
import { fdOf } from '#src/linux/memory-of-fd.js'
import { native } from '#src/linux/native.js'
import { openHeap } from '#src/linux/open-heap.js'
import { OwnedFd } from '#src/linux/owned-fd.js'
import { createUdmabuf } from '#src/linux/udmabuf.js'
import { O_RDONLY, SEEK_CUR, SEEK_END, SEEK_SET } from '#src/uapi/file.js'
import { countResources, settled } from '../helpers/leaks.js'

const PAGE_BYTES = 4096

void test('openHeap for devices is the system heap, and says what it cannot do', () => {
  using heap = openHeap({ need: 'device' })
  assert.equal(heap.kind, 'dma-heap')
  assert.equal(heap.name, 'system')
  assert.equal(heap.losses.length, 2)
})

for (const kind of ['dma-heap', 'udmabuf'] as const)
  void test(`A buffer of ${kind} is zeroed, in whole pages, and of its exporter [HEAP-9, HEAP-11, UDM-12]`, async () => {
    using heap = openHeap({ need: 'device', kinds: [kind] })
    using buffer = heap.allocate(PAGE_BYTES + 1, { name: 'frame' })
    assert.equal(buffer.lengthBytes, 2 * PAGE_BYTES)
    assert.equal(buffer.exporterName, kind === 'udmabuf' ? 'udmabuf' : 'system')
    assert.equal(buffer.name, 'frame')
    using access = await buffer.beginCpuAccess('readwrite')
    assert.equal(access.zeroCopy, true)
    assert.ok(access.bytes.every((byte) => byte === 0))
  })

void test('A name is the kernel’s: in /proc, and for whoever imports the buffer [BUF-52, BUF-53, BUF-61]', () => {
  using heap = openHeap({ need: 'device' })
  using buffer = heap.allocate(1)
  using fd = exportFd(buffer)
  assert.equal(fdInfo(fd)?.name, undefined)
  buffer.setName('x'.repeat(31))
  assert.equal(fdInfo(fd)?.name, 'x'.repeat(31))
  assert.equal(readlinkSync(`/proc/self/fd/${fd.number}`), `/dmabuf:${'x'.repeat(31)}`)
  assert.throws(() => buffer.setName('x'.repeat(32)), { code: 'EINVAL' })
  buffer.setName('')
  assert.equal(fdInfo(fd)?.name, '')
})

void test('All descriptors of a buffer give handles on one object, until the last is closed [BUF-17, BUF-19]', async () => {
  await settled()
  const before = countResources()
  const heap = openHeap({ need: 'device' })
  const buffer = heap.allocate(1)
  const again = importFd(exportFd(buffer))
  assert.equal(again.inode, buffer.inode)
  assert.equal(again.reservation, buffer.reservation)
  again.setName('one')
  assert.equal(buffer.name, 'one')
  buffer.close()
  const access = again.tryBeginCpuAccess('write')!
  access.bytes[0] = 1
  access.end()
  again.close()
  heap.close()
  await settled()
  assert.deepEqual(countResources(), before)
})

void test('A closed buffer is imported anew, under the number of another', () => {
  using heap = openHeap({ need: 'device' })
  const buffer = heap.allocate(1)
  const fd = exportFd(buffer)
  buffer.close()
  using again = importFd(fd)
  const access = again.tryBeginCpuAccess('read')!
  assert.equal(access.bytes[0], 0)
  access.end()
  assert.throws(() => buffer.tryBeginCpuAccess('read'), { code: 'EBADF' })
})

void test('importFd refuses less memory than was claimed, and moves the descriptor', () => {
  using heap = openHeap({ need: 'device' })
  using buffer = heap.allocate(PAGE_BYTES)
  const fd = exportFd(buffer)
  assert.throws(() => importFd(fd, { lengthBytes: PAGE_BYTES + 1 }), { code: 'EPROTO' })
  assert.equal(fd.closed, true)
})

void test('llseek tells the size of a buffer, and nothing else [BUF-28, BUF-29]', () => {
  using heap = openHeap({ need: 'device' })
  using buffer = heap.allocate(3 * PAGE_BYTES)
  const fd = fdOf(buffer, 'test').number
  assert.equal(native().seek(fd, 0, SEEK_END), 3 * PAGE_BYTES)
  assert.equal(native().seek(fd, 0, SEEK_SET), 0)
  assert.equal(native().seek(fd, 1, SEEK_SET), -22)
  assert.equal(native().seek(fd, 0, SEEK_CUR), -22)
})

void test('A buffer that may only be read is read through copies, and writing is EACCES [HEAP-10]', () => {
  using heap = openHeap({ need: 'device' })
  using buffer = heap.allocate(PAGE_BYTES, { flags: O_RDONLY })
  const read = buffer.tryBeginCpuAccess('read')!
  assert.equal(read.zeroCopy, false)
  assert.equal(read.bytes.length, PAGE_BYTES)
  read.end()
  const write = buffer.tryBeginCpuAccess('write')!
  assert.throws(() => write.bytes, { code: 'EACCES' })
  write.end()
})

void test('An fd table that is full is EMFILE, and nothing is lost', async () => {
  await settled()
  const before = countResources()
  const heap = openHeap({ need: 'device' })
  const full: number[] = []
  for (let fd = native().dup(0); fd >= 0; fd = native().dup(0)) full.push(fd)
  try {
    assert.throws(() => heap.allocate(1), { code: 'EMFILE', message: /ulimit -n/ })
    assert.throws(() => openHeap({ need: 'device' }), { code: 'ENODEV', message: /EMFILE/ })
  } finally {
    for (const fd of full) native().close(fd)
  }
  heap.allocate(1).close()
  heap.close()
  await settled()
  assert.deepEqual(countResources(), before)
})

void test('A closed heap allocates nothing, and its buffers live on', () => {
  const heap = openDmaHeap('system')
  using buffer = heap.allocate(1)
  heap.close()
  heap.close()
  assert.throws(() => heap.allocate(1), { code: 'EBADF' })
  buffer.tryBeginCpuAccess('write')!.end()
})

void test('createUdmabuf lays out parts of memory in the order they are given [UDM-10, UDM-11]', () => {
  using memory = openMemfdHeap().allocate(2 * PAGE_BYTES)
  const write = memory.tryBeginCpuAccess('write')!
  write.bytes.fill(1, 0, PAGE_BYTES).fill(2, PAGE_BYTES)
  write.end()
  using buffer = createUdmabuf(
    [
      { memory, offsetBytes: PAGE_BYTES },
      { memory, lengthBytes: PAGE_BYTES },
      { memory, lengthBytes: PAGE_BYTES },
    ],
    { name: 'parts' },
  )
  assert.equal(buffer.lengthBytes, 3 * PAGE_BYTES)
  const both = buffer.tryBeginCpuAccess('readwrite')!
  assert.deepEqual(
    [0, 1, 2].map((page) => both.bytes[page * PAGE_BYTES]),
    [2, 1, 1],
  )
  both.bytes[PAGE_BYTES] = 7
  assert.equal(both.bytes[2 * PAGE_BYTES], 7)
  both.end()
  const read = memory.tryBeginCpuAccess('read')!
  assert.equal(read.bytes[0], 7)
  read.end()
})

void test('createUdmabuf takes 1 to 1024 parts [UDM-5, UDM-6]', () => {
  using memory = openMemfdHeap().allocate(PAGE_BYTES)
  const parts = (count: number): { memory: typeof memory }[] =>
    Array.from({ length: count }, () => ({ memory }))
  using most = createUdmabuf(parts(1024))
  assert.equal(most.lengthBytes, 1024 * PAGE_BYTES)
  for (const count of [0, 1025])
    assert.throws(() => createUdmabuf(parts(count)), { code: 'EINVAL', message: /list_limit/ })
})

void test('createUdmabuf refuses memory that could change under the device [UDM-7, UDM-8]', () => {
  const code = (
    memory: OwnedFd,
    part: { offsetBytes?: number; lengthBytes?: number } = {},
  ): string => {
    try {
      createUdmabuf([{ memory, ...part }]).close()
      return 'made'
    } catch (error) {
      return (error as { code: string }).code
    }
  }
  using sealed = createMemfd('sealed', 2 * PAGE_BYTES)
  using writeSealed = createMemfd('readers', 2 * PAGE_BYTES)
  sealForReaders(writeSealed)
  using unsealed = OwnedFd.adopt(native().memfd('unsealed', 2))
  native().truncate(unsealed.number, PAGE_BYTES)
  using unsealable = OwnedFd.adopt(native().memfd('unsealable', 0))
  native().truncate(unsealable.number, PAGE_BYTES)
  using other = OwnedFd.adopt(native().openFile('/dev/null', 2))
  assert.deepEqual(
    {
      sealed: code(sealed),
      half: code(sealed, { offsetBytes: PAGE_BYTES }),
      unaligned: code(sealed, { offsetBytes: 1 }),
      'no whole pages': code(sealed, { lengthBytes: 1 }),
      'beyond the end': code(sealed, { offsetBytes: PAGE_BYTES, lengthBytes: 2 * PAGE_BYTES }),
      'at the end': code(sealed, { offsetBytes: 2 * PAGE_BYTES }),
      huge: code(sealed, { lengthBytes: 2 ** 52 }),
      writeSealed: code(writeSealed),
      unsealed: code(unsealed),
      unsealable: code(unsealable),
      other: code(other, { lengthBytes: PAGE_BYTES }),
    },
    {
      sealed: 'made',
      half: 'made',
      unaligned: 'EINVAL',
      'no whole pages': 'EINVAL',
      'beyond the end': 'EINVAL',
      'at the end': 'EINVAL',
      huge: 'EINVAL',
      writeSealed: 'EINVAL',
      unsealed: 'EINVAL',
      unsealable: 'EINVAL',
      other: 'EBADFD',
    },
  )
})

void test('createUdmabuf refuses a buffer that is no memfd', () => {
  const ops = { attach() {}, map: () => assert.fail(), unmap() {}, release() {} }
  using buffer = exportBuffer({ exporterName: 'x', lengthBytes: PAGE_BYTES, ops, state: {} })
  assert.throws(() => createUdmabuf([{ memory: buffer }]), { code: 'EINVAL' })
})

void test('Memory under a udmabuf cannot be sealed against writing, and can afterwards [UDM-9]', () => {
  const F_SEAL_WRITE = 8
  using memory = createMemfd('later', PAGE_BYTES)
  const buffer = createUdmabuf([{ memory }])
  assert.equal(native().addSeals(memory.number, F_SEAL_WRITE), -16)
  buffer.close()
  assert.equal(native().addSeals(memory.number, F_SEAL_WRITE), 0)
})

void test('A process that has written to a buffer of one page can still start programs', async () => {
  using heap = openHeap({ need: 'device', kinds: ['dma-heap'] })
  const made = heap.allocate(1)
  const fd = exportFd(made)
  made.close()
  // As a viewer: of a memfd its stores would go to pages of its own, with which this kernel cannot fork.
  using buffer = importFd(fd, { access: 'read' })
  using access = await buffer.beginCpuAccess('write')
  access.bytes[0] = 1
  const { error, status } = spawnSync('true')
  assert.deepEqual([error, status], [undefined, 0])
})
