// Goal: memory of plain JavaScript is shared with the CPU, with kernel code and with devices, without a copy.
// Method: buffers with a memory of page frames of their own, looked at from each of the three sides.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bufferObject, type DmaBuf } from '#src/core/buffer/buffer.js'
import { copiedBytes } from '#src/core/buffer/copied-bytes.js'
import { MapArea } from '#src/core/buffer/map-area.js'
import { setDebug } from '#src/core/debug.js'
import { drainDeferred } from '#src/core/deferred.js'
import { DmaBufError, type Errno } from '#src/core/errors.js'
import {
  moveMemory,
  openMemoryHeap,
  sharedMemoryOf,
  type MemoryHeapOptions,
} from '#src/core/heap/memory-heap.js'
import { PageFrames } from '#src/core/heap/page-frames.js'
import { recordingImporter } from '../../helpers/recording-buffer.js'
import { collectWarnings } from '../../helpers/warnings.js'

const PAGE = 4096
const npu = { name: 'npu' }
const isCode = (code: Errno) => (error: unknown) => DmaBufError.is(error, code)

function open(options: MemoryHeapOptions = {}) {
  const frames = new PageFrames({ sizeBytes: 64 * PAGE })
  return { frames, heap: openMemoryHeap({ frames, ...options }) }
}

function close(buffer: DmaBuf): void {
  buffer.close()
  drainDeferred()
}

for (const [asked, given] of [
  [1, PAGE],
  [PAGE, PAGE],
  [PAGE + 1, 2 * PAGE],
] as const)
  // prettier-ignore
  test(`allocate of ${asked} bytes gives ${given} [HEAP-9, EX-17]`, () => {
    using buffer = open().heap.allocate(asked)
    assert.equal(buffer.lengthBytes, given)
  })

test('A new buffer is zeroed, and bears the name of its heap [HEAP-11]', () => {
  const { heap } = open({ name: 'camera-pool' })
  assert.deepEqual([heap.kind, heap.name], ['memory', 'camera-pool'])
  using buffer = heap.allocate(PAGE, { name: 'frame' })
  assert.deepEqual([buffer.exporterName, buffer.name], ['camera-pool', 'frame'])
  using access = buffer.tryBeginCpuAccess('read')!
  assert.ok(access.bytes.every((byte) => byte === 0))
})

test('The name of a memory heap is `memory` where nobody gave one', () => {
  const { heap } = open()
  assert.equal(heap.name, 'memory')
  assert.equal(heap.losses.length, 1)
  assert.equal(open({ shared: true }).heap.losses.length, 2)
})

for (const lengthBytes of [0, -1, 1.5, NaN, 2 ** 53])
  test(`allocate refuses ${lengthBytes} bytes`, () => {
    assert.throws(() => open().heap.allocate(lengthBytes), RangeError)
  })

test('allocate is ENOMEM beyond maxLengthBytes', () => {
  const { heap } = open({ maxLengthBytes: 5000 })
  heap.allocate(5000).close()
  assert.throws(() => heap.allocate(5001), isCode('ENOMEM'))
})

test('allocate is ENOMEM where all page frames are promised, until a buffer is closed', () => {
  const { heap } = open()
  const first = heap.allocate(40 * PAGE)
  assert.throws(() => heap.allocate(25 * PAGE), isCode('ENOMEM'))
  using _second = heap.allocate(24 * PAGE)
  close(first)
  heap.allocate(40 * PAGE).close()
})

test('A buffer that cannot be exported takes no page frames', () => {
  const { heap, frames } = open()
  assert.throws(() => heap.allocate(PAGE, { name: 'x'.repeat(40) }), isCode('EINVAL'))
  assert.equal(frames.promisedBytes, 0)
})

test('The CPU and a device see the same memory, without a copy', async () => {
  const { heap, frames } = open()
  using buffer = heap.allocate(2 * PAGE)
  const before = copiedBytes()
  using access = buffer.tryBeginCpuAccess('write')!
  access.bytes[PAGE] = 5
  access.end()
  await using attachment = await buffer.attach({ name: 'npu', constraints: { contiguous: true } })
  await attachment.withMapping('bidirectional', ({ segments: [segment] }) => {
    const bytes = frames.memory(segment!.address, segment!.lengthBytes)
    assert.equal(bytes[PAGE], 5)
    bytes[0] = 6
  })
  using again = buffer.tryBeginCpuAccess('read')!
  assert.deepEqual([again.bytes[0], again.bytes[PAGE]], [6, 5])
  assert.equal(copiedBytes(), before)
})

test('What a device gets is ready, and holds nothing of the buffer that was there before [ATT-33]', async () => {
  const { heap, frames } = open()
  const places: number[] = []
  for (const expected of [0, 0]) {
    const buffer = heap.allocate(64 * PAGE)
    const attachment = await buffer.attach(npu)
    await attachment.withMapping('bidirectional', ({ segments: [segment] }) => {
      const bytes = frames.memory(segment!.address, segment!.lengthBytes)
      assert.ok(bytes.every((byte) => byte === expected))
      bytes.fill(0xaa)
      places.push(segment!.address)
    })
    await attachment.detach()
    close(buffer)
  }
  assert.equal(places[0], places[1])
})

test('A device does not reach the memory without a mapping', async () => {
  const { heap, frames } = open()
  using buffer = heap.allocate(PAGE)
  await using attachment = await buffer.attach(npu)
  const { segments } = await attachment.withMapping('to-device', (table) => table)
  assert.throws(() => frames.memory(segments[0]!.address, 1), isCode('EFAULT'))
})

test('A bracket ends its view, but not while a device is mapped', async () => {
  using buffer = open().heap.allocate(PAGE)
  const first = buffer.tryBeginCpuAccess('read')!
  const { bytes } = first
  first.end()
  assert.equal(bytes.length, 0)
  await using attachment = await buffer.attach(npu)
  const table = await attachment.map('from-device')
  const second = buffer.tryBeginCpuAccess('read')!
  const { bytes: kept } = second
  second.end()
  assert.equal(kept.length, PAGE)
  await attachment.unmap(table, 'from-device')
  assert.equal(kept.length, 0)
})

test('vmap is the memory itself, until it is ended [CPU-10, CPU-12]', async () => {
  using buffer = open().heap.allocate(PAGE)
  const vmap = await buffer.vmap()
  vmap.map.write('u32', 8, 0xabcdef)
  using access = buffer.tryBeginCpuAccess('read')!
  assert.equal(access.bytes[8], 0xef)
  await vmap.end()
  await vmap.end()
  assert.equal(bufferObject(buffer, 'test').vmapCount, 0)
})

test('A vmap keeps the buffer alive [BUF-24]', async () => {
  const { heap, frames } = open()
  const buffer = heap.allocate(PAGE)
  const vmap = await buffer.vmap()
  close(buffer)
  assert.equal(frames.promisedBytes, PAGE)
  vmap.map.write('u8', 0, 1)
  await vmap.end()
  drainDeferred()
  assert.equal(frames.promisedBytes, 0)
  await assert.rejects(buffer.vmap(), isCode('EBADF'))
})

test('A private mapping is one page of its own, and never more [HEAP-16]', async () => {
  using buffer = open().heap.allocate(3 * PAGE)
  const object = bufferObject(buffer, 'test')
  using area = new MapArea(1, 1)
  area.isShared = false
  await object.ops.mmap!(area, object.state)
  area.bytes!.fill(7)
  using access = buffer.tryBeginCpuAccess('read')!
  assert.equal(access.bytes[PAGE], 0)
  using longer = new MapArea(2, 0)
  longer.isShared = false
  assert.throws(() => void object.ops.mmap!(longer, object.state), isCode('EINVAL'))
})

test('mmap shows the pages that were asked for', async () => {
  using buffer = open().heap.allocate(3 * PAGE)
  using access = buffer.tryBeginCpuAccess('write')!
  access.bytes.fill(1, PAGE, 2 * PAGE)
  access.end()
  const object = bufferObject(buffer, 'test')
  using area = new MapArea(2, 1)
  await object.ops.mmap!(area, object.state)
  assert.equal(area.bytes?.length, 2 * PAGE)
  assert.deepEqual([area.bytes[0], area.bytes[PAGE]], [1, 0])
})

test('A shared heap gives SharedArrayBuffers', () => {
  const { heap } = open({ shared: true })
  using buffer = heap.allocate(PAGE)
  const memory = sharedMemoryOf(buffer)
  assert.ok(memory instanceof SharedArrayBuffer)
  new Uint8Array(memory)[4] = 2
  using access = buffer.tryBeginCpuAccess('read')!
  assert.equal(access.bytes[4], 2)
})

test('sharedMemoryOf is EINVAL for memory that is not shared, EBADF after close', () => {
  const buffer = open().heap.allocate(PAGE)
  assert.throws(() => sharedMemoryOf(buffer), isCode('EINVAL'))
  buffer.close()
  assert.throws(() => sharedMemoryOf(buffer), isCode('EBADF'))
})

test('A memory heap is a static exporter, and a dynamic one where its buffers are movable [C-3]', () => {
  for (const movable of [false, true]) {
    using buffer = open({ movable }).heap.allocate(PAGE)
    assert.equal(bufferObject(buffer, 'test').ops.pin !== undefined, movable)
  }
})

test('moveMemory moves a movable buffer and tells its importers; its bytes stay [ATT-29, ATT-32]', async () => {
  using _debug = setDebug({ moveNotify: true })
  const { heap, frames } = open({ movable: true })
  using buffer = heap.allocate(PAGE)
  const { notes, ...importer } = recordingImporter()
  await using attachment = await buffer.attach(npu, importer)
  const old = await attachment.map('bidirectional')
  frames.memory(old.segments[0]!.address, 1)[0] = 9
  {
    using held = await buffer.reservation.lock()
    moveMemory(buffer, held)
  }
  assert.deepEqual(notes, ['npu'])
  const table = await attachment.map('bidirectional')
  assert.notDeepEqual(table.segments, old.segments)
  assert.equal(frames.memory(table.segments[0]!.address, 1)[0], 9)
  await attachment.unmap(old, 'bidirectional')
  await attachment.unmap(table, 'bidirectional')
})

test('moveMemory is EBUSY while a static importer is attached to it [ATT-32]', async () => {
  const { heap } = open({ movable: true })
  using buffer = heap.allocate(PAGE)
  await using _attachment = await buffer.attach(npu)
  using held = await buffer.reservation.lock()
  assert.throws(() => moveMemory(buffer, held), isCode('EBUSY'))
  held.release()
})

test('Closing the last handle gives the frames back, and warns of a device that is still attached [ATT-11, BUF-24, PROP-16]', async () => {
  const { heap, frames } = open()
  const buffer = heap.allocate(PAGE)
  const attachment = await buffer.attach(npu)
  await attachment.map('to-device')
  using warnings = collectWarnings()
  close(buffer)
  assert.deepEqual([frames.promisedBytes, frames.freeBytes], [0, 64 * PAGE])
  assert.deepEqual(
    warnings.list.map(({ rule }) => rule),
    ['BUF-24'],
  )
  await assert.rejects(attachment.map('to-device'), isCode('EINVAL'))
  await attachment.detach()
})

test('A buffer that nobody looks at takes neither page frames nor memory', () => {
  const { heap, frames } = open()
  using buffer = heap.allocate(PAGE)
  assert.equal(frames.freeBytes, 64 * PAGE)
  assert.equal(frames.promisedBytes, PAGE)
  buffer.tryBeginCpuAccess('read')!.end()
  assert.equal(frames.freeBytes, 64 * PAGE)
})
