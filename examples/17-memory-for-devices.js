// A graphics card with memory of its own: page frames, a heap on them, and tables for devices that see little.
import assert from 'node:assert/strict'
import { exportBuffer, openMemoryHeap } from 'dmabuf'
import {
  combineConstraints,
  HeapRegistry,
  mapForDma,
  PageFrames,
  PlacedMemory,
  segmentProblem,
  SgEntry,
  SgTable,
  systemFrames,
  unmapForDma,
} from 'dmabuf/framework'

// 64 KiB behind a bus address. Who says nothing uses systemFrames, the memory of the machine.
const card = new PageFrames({ startAddress: 0x8000_0000, sizeBytes: 65_536 })

// PlacedMemory does what the ops have to: chooses frames that all devices reach, and builds the tables.
/** @type {import('dmabuf').ExporterOps<PlacedMemory>} */
const ops = {
  attach: (attachment, placed) => placed.attach(attachment),
  map: (attachment, direction, placed) => placed.map(attachment, direction),
  unmap: (attachment, table, direction, placed) => placed.unmap(attachment, table, direction),
  release: (placed) => placed.release(),
}
/** @param {PageFrames} frames @param {number} lengthBytes */
function allocate(frames, lengthBytes) {
  const bytes = new Uint8Array(lengthBytes)
  /** @param {number} offset @param {number} length */
  const deviceBytes = (offset, length) => bytes.subarray(offset, offset + length)
  const state = new PlacedMemory(frames, lengthBytes, { deviceBytes })
  return exportBuffer({ exporterName: 'vram', lengthBytes, ops, state })
}

// A heap is found by its name, and told how much: whole pages.
const heaps = new HeapRegistry()
heaps.add({
  name: 'vram',
  driverData: card,
  ops: { allocate: ({ lengthBytes }, { driverData }) => allocate(driverData, lengthBytes) },
})
const vram = heaps.find('vram')
assert.ok(vram !== undefined)
const elsewhere = systemFrames.promisedBytes
const texture = await vram.allocate({ lengthBytes: 32_768, flags: 2 })
await assert.rejects(vram.allocate({ lengthBytes: 65_536, flags: 2 }), { code: 'ENOMEM' })

// Two devices at once: the memory has to suit the stricter one in each respect.
const engine = { name: 'engine', constraints: { maxSegmentBytes: 16_384 } }
const screen = { name: 'screen', constraints: { alignBytes: 8192, maxSegments: 4 } }
const { maxSegmentBytes, alignBytes } = combineConstraints([engine, screen])
assert.deepEqual([maxSegmentBytes, alignBytes], [16_384, 8192])
const drawing = await texture.attach(engine)
const showing = await texture.attach(screen)
await drawing.withMapping('from-device', ({ segments }) => {
  for (const { address, lengthBytes } of segments) card.memory(address, lengthBytes).fill(9)
})
await showing.withMapping('to-device', ({ segments }) => {
  assert.equal(segmentProblem(segments, screen.constraints), undefined)
  const [first] = segments
  assert.ok(first !== undefined && card.memory(first.address, 1)[0] === 9)
  console.log(`the screen reads ${segments.length} segments from 0x${first.address.toString(16)}`)
})
assert.equal(systemFrames.promisedBytes, elsewhere, 'Nothing of that was memory of the machine')

// By hand: pages that are neighbours become one entry, and a device may join what it is given further.
const table = SgTable.fromPages([7, 8, 20])
assert.ok(table.entry(0) instanceof SgEntry)
assert.deepEqual(
  Array.from(table, ({ pageFrame, lengthBytes }) => [pageFrame, lengthBytes]),
  [
    [7, 8192],
    [20, 4096],
  ],
)
mapForDma(table, engine, 'to-device')
assert.equal(table.segments[1]?.address, 20 * 4096)
console.log(segmentProblem(table.segments, { contiguous: true })?.text)
unmapForDma(table, engine, 'to-device')

// Heaps of plain memory take frames, too: then they are as small as the card.
assert.throws(() => openMemoryHeap({ frames: card }).allocate(65_536), { code: 'ENOMEM' })

await showing.detach()
await drawing.detach()
texture.close()
assert.deepEqual([card.freeBytes, card.promisedBytes], [65_536, 0])
