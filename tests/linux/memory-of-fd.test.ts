// Goal: a buffer knows the descriptor behind it, and gives back memory and descriptor together.
// Method: buffers of a memfd heap, and one of an exporter that has no descriptor.
import assert from 'node:assert/strict'
import { fstatSync } from 'node:fs'
import { test } from 'node:test'
import { bufferObject, exportBuffer } from '#src/core/buffer/buffer.js'
import { IosysMap } from '#src/core/buffer/iosys-map.js'
import { MapArea } from '#src/core/buffer/map-area.js'
import { mmapBuffer } from '#src/core/buffer/mmap.js'
import { vmapUnlocked, vunmapUnlocked } from '#src/core/buffer/vmap.js'
import { drainDeferred } from '#src/core/deferred.js'
import { dmaMemory, systemFrames } from '#src/core/heap/page-frames.js'
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
  const memory = new MemoryOfFd(fd, PAGE_BYTES, new Mapping(fd, PAGE_BYTES, MapMode.shared))
  const view = memory.openView('write', 'bracket', 16)
  assert.equal(view.bytes.length, 16)
  view.end()
  memory.release()
  assert.equal(fd.closed, true)
  assert.equal(countResources().fds, before.fds)
})

test('A device reaches the memory of a memfd by its DMA address', async () => {
  using buffer = openMemfdHeap().allocate(2 * PAGE_BYTES)
  await using attachment = await buffer.attach({
    name: 'npu',
    constraints: { maxSegmentBytes: PAGE_BYTES, addressMask: 0xffffff },
  })
  await attachment.withMapping('bidirectional', ({ segments }) => {
    assert.equal(segments.length, 2)
    dmaMemory(segments[1]!.address, 16)[3] = 7
  })
  using access = await buffer.beginCpuAccess('read')
  assert.equal(access.bytes[PAGE_BYTES + 3], 7)
})

test('MemoryOfFd.release gives its page frames back', async () => {
  const before = systemFrames.promisedBytes
  const buffer = openMemfdHeap().allocate(PAGE_BYTES)
  const attachment = await buffer.attach({ name: 'npu', constraints: {} })
  assert.equal(systemFrames.promisedBytes, before + PAGE_BYTES)
  await attachment.detach()
  buffer.close()
  await Promise.resolve()
  drainDeferred()
  assert.equal(systemFrames.promisedBytes, before)
})

test('A buffer of a memfd is mapped for kernel code and for programs: its own bytes', async () => {
  const before = countResources()
  {
    using buffer = openMemfdHeap().allocate(2 * PAGE_BYTES)
    const object = bufferObject(buffer, 'test')
    const map = new IosysMap()
    await vmapUnlocked(object, map)
    map.write('u32', PAGE_BYTES, 0x1234)
    using area = new MapArea(1)
    await mmapBuffer(buffer, area, 1)
    assert.equal(area.bytes?.length, PAGE_BYTES)
    assert.deepEqual([...area.bytes.subarray(0, 4)], [0x34, 0x12, 0, 0])
    await vunmapUnlocked(object, map)
  }
  assert.equal(countResources().fds, before.fds)
})
