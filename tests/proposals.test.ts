// Goal: what was proposed on the way, and what became of it, is so here as docs/rules.md says (PROP).
// Method: an importer uses buffers of a fake exporter that notes its calls.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bufferObject, exportBuffer, type DmaBuf } from '#src/core/buffer/buffer.js'
import type { ExporterOps } from '#src/core/buffer/exporter.js'
import { IosysMap } from '#src/core/buffer/iosys-map.js'
import { MapArea } from '#src/core/buffer/map-area.js'
import { mmapBuffer } from '#src/core/buffer/mmap.js'
import { SgTable } from '#src/core/buffer/sg-table.js'
import { vmapUnlocked, vunmapUnlocked } from '#src/core/buffer/vmap.js'
import { drainDeferred } from '#src/core/deferred.js'
import { DmaBufError } from '#src/core/errors.js'
import { createTimeline } from '#src/core/fence/timeline.js'
import { openMemoryHeap } from '#src/core/heap/memory-heap.js'
import { fakeBuffer, FakeExporter } from './helpers/fake-exporter.js'
import { collectWarnings } from './helpers/warnings.js'

const PAGE = 4096
const npu = { name: 'npu' }
const isCode = (code: string) => (error: unknown) => DmaBufError.is(error, code)

/** A buffer of some pages whose exporter has every op that an importer may want, and notes them. */
function fullBuffer(more: Partial<ExporterOps<FakeExporter>> = {}): {
  buffer: DmaBuf
  calls: string[]
} {
  const calls: string[] = []
  const exporter = new FakeExporter(4 * PAGE)
  const ops: ExporterOps<FakeExporter> = {
    map: (attachment, direction) => {
      calls.push(`map ${direction}`)
      return exporter.map(attachment, direction)
    },
    unmap: (attachment, table, direction) => exporter.unmap(attachment, table, direction),
    release: () => void calls.push('release'),
    beginCpuAccess: (...given) => void calls.push(`begin ${given.length} ${given[0]}`),
    endCpuAccess: (direction) => void calls.push(`end ${direction}`),
    openView: (...given) => exporter.openView(given[0], given[1], given[2]),
    mmap: ({ pageOffset, pageCount }) => void calls.push(`mmap ${pageOffset} ${pageCount}`),
    vmap: () => IosysMap.ofMemory(exporter.memory),
    vunmap: () => void calls.push('vunmap'),
    ...more,
  }
  const lengthBytes = exporter.memory.length
  const buffer = exportBuffer({ exporterName: 'full', lengthBytes, ops, state: exporter, flags: 2 })
  return { buffer, calls }
}

test('An access means the whole buffer: the exporter is given a direction, its state and the wait, no range [PROP-3]', async () => {
  const { buffer, calls } = fullBuffer()
  using access = await buffer.beginCpuAccess('read')
  assert.equal(access.bytes.length, 4 * PAGE)
  assert.deepEqual(calls, ['begin 3 from-device'])
})

test('Pages count from the first byte of the buffer [PROP-4]', async () => {
  const { buffer, calls } = fullBuffer()
  await mmapBuffer(buffer, new MapArea(2, 7), 1)
  assert.deepEqual(calls, ['mmap 1 2'])
})

test('The range behind the buffer, up to twice its size, is out of bounds [PROP-5]', async () => {
  const { buffer, calls } = fullBuffer()
  await assert.rejects(mmapBuffer(buffer, new MapArea(4), 4), isCode('EINVAL'))
  await mmapBuffer(buffer, new MapArea(4), 0)
  assert.deepEqual(calls, ['mmap 0 4'])
})

test('An importer passes a mapping on to the exporter, if that has the op [PROP-6]', async () => {
  const { buffer } = fakeBuffer(PAGE)
  await assert.rejects(mmapBuffer(buffer, new MapArea(1), 0), isCode('EINVAL'))
  const full = fullBuffer()
  const area = new MapArea(1)
  await mmapBuffer(full.buffer, area, 3)
  assert.equal(area.pageOffset, 3)
  assert.deepEqual(full.calls, ['mmap 3 1'])
})

test('Fences and accesses are apart: adding a fence asks no exporter, an access leaves no fence [PROP-7]', async () => {
  const { buffer, calls } = fullBuffer()
  using timeline = createTimeline('work')
  await buffer.addFence(timeline.fence(1), 'write')
  assert.deepEqual(calls, [])
  timeline.signal(1)
  using access = await buffer.beginCpuAccess('write')
  assert.equal(access.access, 'write')
  assert.equal(buffer.reservation.isSignaled('bookkeep'), true)
})

test('An access is a bracket that the exporter sees both ends of [PROP-10]', async () => {
  const { buffer, calls } = fullBuffer()
  {
    using access = await buffer.beginCpuAccess('write')
    access.bytes[0] = 1
    assert.deepEqual(calls, ['begin 3 to-device'])
  }
  assert.deepEqual(calls, ['begin 3 to-device', 'end to-device'])
})

test('Heaps export buffers under their own name, as any exporter does [PROP-11]', async () => {
  const heap = openMemoryHeap({ name: 'carveout' })
  using buffer = heap.allocate(PAGE)
  assert.equal(buffer.exporterName, 'carveout')
  await using attachment = await buffer.attach(npu)
  const table = await attachment.map('to-device')
  assert.ok(table instanceof SgTable)
  await attachment.unmap(table, 'to-device')
})

test('A dynamic importer of a static buffer is mapped at attach, as up to 6.12, and served from there [ATT-36]', async () => {
  const { buffer, calls } = fullBuffer()
  await using attachment = await buffer.attach(npu, { moveNotify: () => undefined })
  assert.deepEqual(calls, ['map bidirectional'])
  await attachment.map('to-device')
  assert.deepEqual(calls, ['map bidirectional'])
})

test('Beginning an access neither pins nor maps [PROP-12]', async () => {
  const pins: string[] = []
  const pin = (): void => void pins.push('pin')
  const { buffer, calls } = fullBuffer({ pin, unpin: pin })
  using access = await buffer.beginCpuAccess('readwrite')
  assert.equal(access.bytes.length, 4 * PAGE)
  assert.deepEqual([pins, calls], [[], ['begin 3 bidirectional']])
})

test('An importer may map for a program, for itself, and look with the CPU [PROP-13]', async () => {
  const { buffer, calls } = fullBuffer()
  await mmapBuffer(buffer, new MapArea(1), 0)
  const map = new IosysMap()
  await vmapUnlocked(bufferObject(buffer, 'vmap'), map)
  using access = await buffer.beginCpuAccess('read')
  assert.equal(access.bytes[0], 0)
  assert.equal(map.isNull, false)
  await vunmapUnlocked(bufferObject(buffer, 'vunmap'), map)
  assert.deepEqual(calls, ['mmap 0 1', 'begin 3 from-device', 'vunmap'])
})

test('Mapping for a device gives a table, may take its time, and may be refused [PROP-14]', async () => {
  const refusals: DmaBufError[] = []
  const { buffer } = fullBuffer({
    map: async (attachment, direction, exporter) => {
      await Promise.resolve()
      for (const refusal of refusals) throw refusal
      return exporter.map(attachment, direction)
    },
  })
  await using attachment = await buffer.attach(npu)
  const table = await attachment.map('to-device')
  assert.ok(table instanceof SgTable)
  await attachment.unmap(table, 'to-device')
  refusals.push(new DmaBufError('EINTR', 'map', 'Try again'))
  await assert.rejects(attachment.map('to-device'), isCode('EINTR'))
})

test('An attachment left at release is warned of, after the release [PROP-16]', async () => {
  using warnings = collectWarnings()
  const { buffer, calls } = fullBuffer()
  await buffer.attach(npu)
  buffer.close()
  drainDeferred()
  assert.deepEqual(calls, ['release'])
  assert.deepEqual(
    warnings.list.map(({ rule }) => rule),
    ['BUF-24'],
  )
})

test('The fences of memory management have a place of their own, and are always waited for [PROP-17]', async () => {
  const { buffer } = fullBuffer()
  using timeline = createTimeline('move')
  {
    using held = await buffer.reservation.lock()
    held.reserve(2)
    held.add(timeline.fence(1), 'bookkeep')
    assert.equal(buffer.reservation.isSignaled('kernel'), true)
  }
  const other = createTimeline('clear')
  {
    using held = await buffer.reservation.lock()
    held.reserve(1)
    held.add(other.fence(1), 'kernel')
  }
  await assert.rejects(buffer.ready('read', { timeoutMs: 0 }), isCode('ETIMEDOUT'))
  other.signal(1)
  await buffer.ready('read', { timeoutMs: 0 })
})
