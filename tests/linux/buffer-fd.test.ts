// Goal: a buffer goes out as a descriptor and comes in as a buffer over the same memory, safely.
// Method: export and import within one process, where both sides can be looked at; hostile descriptors.
import assert from 'node:assert/strict'
import { fstatSync, ftruncateSync, openSync } from 'node:fs'
import { test } from 'node:test'
import type { DmaBuf } from '#src/core/buffer/buffer.js'
import { exportFd, importFd, openMemfdHeap, OwnedFd } from '#src/linux/index.js'
import { importSyncFile } from '#src/linux/sync-file-fd.js'
import { createMemfd } from '#src/linux/memfd.js'
import { native } from '#src/linux/native.js'
import { countResources, settled } from '../helpers/leaks.js'

function fill(buffer: DmaBuf, value: number): void {
  using access = buffer.tryBeginCpuAccess('write')
  access!.bytes.fill(value)
}

function firstByte(buffer: DmaBuf): number {
  using access = buffer.tryBeginCpuAccess('read')
  return access!.bytes[0]!
}

test('exportFd gives a new descriptor of the same memory each time', () => {
  using buffer = openMemfdHeap().allocate(4096)
  using first = exportFd(buffer)
  using second = exportFd(buffer)
  assert.notEqual(first.number, second.number)
  assert.equal(fstatSync(first.number, { bigint: true }).ino, buffer.inode)
  assert.equal(fstatSync(second.number, { bigint: true }).ino, buffer.inode)
})

test('exportFd outlives the buffer', () => {
  const buffer = openMemfdHeap().allocate(4096)
  fill(buffer, 5)
  using fd = exportFd(buffer)
  buffer.close()
  assert.throws(() => exportFd(buffer), { code: 'EBADF' })
  using again = importFd(fd.dup())
  assert.equal(firstByte(again), 5)
})

test('importFd shares the memory: what the owner writes is read, with the same inode', () => {
  using buffer = openMemfdHeap().allocate(8192)
  using copy = importFd(exportFd(buffer))
  assert.equal(copy.inode, buffer.inode)
  assert.equal(copy.lengthBytes, 8192)
  assert.equal(copy.exporterName, 'import')
  for (const value of [1, 2]) {
    fill(buffer, value)
    assert.equal(firstByte(copy), value)
  }
})

test('importFd for reading lets no store through to the owner', () => {
  using buffer = openMemfdHeap().allocate(4096)
  using copy = importFd(exportFd(buffer))
  fill(copy, 99)
  assert.equal(firstByte(buffer), 0)
})

test('importFd for writing lets stores through', () => {
  using buffer = openMemfdHeap().allocate(4096)
  using copy = importFd(exportFd(buffer), { access: 'readwrite', exporterName: 'camera' })
  fill(copy, 99)
  assert.equal(firstByte(buffer), 99)
  assert.equal(copy.exporterName, 'camera')
})

test('importFd of less than the file has this length, of more is EPROTO', () => {
  using buffer = openMemfdHeap().allocate(8192)
  using part = importFd(exportFd(buffer), { lengthBytes: 5000 })
  assert.equal(part.lengthBytes, 5000)
  importFd(exportFd(buffer), { lengthBytes: 8192 }).close()
  assert.throws(() => importFd(exportFd(buffer), { lengthBytes: 8193 }), {
    code: 'EPROTO',
    message: /8192 bytes, too small for 8193/,
  })
})

test('importFd closes the descriptor with the buffer', async () => {
  await settled()
  using buffer = openMemfdHeap().allocate(4096)
  const before = countResources()
  const copy = importFd(exportFd(buffer))
  const more = copy.dup()
  copy.close()
  assert.equal(countResources().fds, before.fds + 1)
  more.close()
  await settled()
  assert.deepEqual(countResources(), before)
})

test('importFd refuses memory that a peer could cut under our feet, and closes it', async () => {
  await settled()
  const before = countResources()
  const fd = OwnedFd.adopt(native().memfd('dmabuf:shrinking', 2))
  ftruncateSync(fd.number, 4096)
  assert.throws(() => importFd(fd), { code: 'EPROTO', message: /not sealed against shrinking/ })
  assert.equal(fd.closed, true)
  await settled()
  assert.deepEqual(countResources(), before)
})

test('importFd and importSyncFile of a number say how to make an OwnedFd of it', () => {
  for (const [name, call] of Object.entries({ importFd, importSyncFile }))
    for (const wrong of [5, null, undefined, {}])
      assert.throws(() => call(wrong as never), {
        name: 'TypeError',
        message: `${name} takes an OwnedFd: OwnedFd.adopt(number) makes one of a number`,
      })
})

test('importFd refuses an access it does not know, in which stores would go nowhere', () => {
  for (const wrong of ['write', '', 5]) {
    const fd = createMemfd('frame', 4096)
    assert.throws(() => importFd(fd, { access: wrong as 'read' }), TypeError)
    assert.equal(fd.closed, true)
  }
})

test('importFd refuses what is no memory, and lengths that are none, and closes the descriptor', async () => {
  await settled()
  const before = countResources()
  const stranger = OwnedFd.adopt(openSync('/dev/null', 'r'))
  assert.throws(() => importFd(stranger), { code: 'EPROTO', message: /no memory/ })
  assert.equal(stranger.closed, true)
  for (const lengthBytes of [0, -1, NaN, 1.5, 4096n as unknown as number]) {
    const fd = createMemfd('frame', 4096)
    assert.throws(() => importFd(fd, { lengthBytes }), { code: 'EINVAL', message: /safe integer/ })
    assert.equal(fd.closed, true)
  }
  const closed = createMemfd('frame', 4096)
  closed.close()
  assert.throws(() => importFd(closed), { code: 'EBADF' })
  await settled()
  assert.deepEqual(countResources(), before)
})
