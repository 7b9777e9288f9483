// An exporter whose memory the CPU may use in each way there is: in brackets, by pages, and whole for drivers.
import assert from 'node:assert/strict'
import { CpuAccess, exportBuffer, openMemoryHeap, type ExporterOps } from 'dmabuf'
import {
  beginCpuAccess,
  bufferObject,
  directionOf,
  endCpuAccess,
  IosysMap,
  isEscaped,
  MapArea,
  mapFile,
  mmapBuffer,
  PAGE_BYTES,
  RevocableBytes,
  SgTable,
  sharedMemoryOf,
  vmapBuffer,
  vmapUnlocked,
  vunmapBuffer,
  vunmapUnlocked,
} from 'dmabuf/framework'

const calls: string[] = []
const ops: ExporterOps<Uint8Array<ArrayBuffer>> = {
  map: () => SgTable.fromPages([16, 17]),
  unmap() {},
  release() {},
  // Where devices do not see the CPU's caches: make what they wrote visible, and what the CPU wrote.
  beginCpuAccess: (direction) => void calls.push(`begin ${direction}`),
  endCpuAccess: (direction) => void calls.push(`end ${direction}`),
  // Views that die with their bracket: a copy here, detached at the end unless somebody took its ArrayBuffer.
  openView(access, _lifetime, lengthBytes, memory) {
    const copy = memory.buffer.slice(0, lengthBytes)
    return {
      bytes: new RevocableBytes(copy),
      zeroCopy: false,
      end() {
        if (access !== 'read') memory.set(new Uint8Array(copy))
        if (!isEscaped(copy)) structuredClone(copy, { transfer: [copy] })
      },
    }
  },
  mmap(area, memory) {
    const start = area.pageOffset * PAGE_BYTES
    area.bytes = memory.subarray(start, start + area.pageCount * PAGE_BYTES)
  },
  vmap: (memory) => IosysMap.ofMemory(memory),
}
const state = new Uint8Array(2 * PAGE_BYTES)
using frame = exportBuffer({ exporterName: 'board', lengthBytes: state.length, ops, state })

// In a bracket, as programs do.
using access = await frame.beginCpuAccess('readwrite')
assert.ok(access instanceof CpuAccess && !access.zeroCopy)
access.bytes[PAGE_BYTES] = 7
const { bytes } = access
access.end()
assert.equal(bytes.length, 0, 'The view died with its bracket')

// By pages, as a device's own mmap() hands them on. Pages have no bracket: a driver begins and ends by itself.
await beginCpuAccess(frame, directionOf('write'))
using area = new MapArea(1)
await mmapBuffer(frame, area, 1)
assert.equal(area.bytes?.[0], 7)
area.bytes[1] = 8
endCpuAccess(frame, 'to-device')
assert.deepEqual(calls.slice(2), ['begin to-device', 'end to-device'])

// By pages of its own descriptor, as a program maps it: such an area keeps the buffer from the beginning.
const buffer = bufferObject(frame, 'map')
buffer.get() // a reference for the area, which puts it when it is closed
using own = new MapArea(1, 1, buffer)
await mapFile(buffer, own)
assert.equal(own.bytes?.[1], 8)

// Whole, for a driver that draws into it: with the lock in hand, or without, or until the end of a scope.
const map = new IosysMap()
using held = await frame.reservation.lock()
await vmapBuffer(buffer, held, map)
assert.equal(map.read('u8', PAGE_BYTES + 1), 8)
vunmapBuffer(buffer, held, map)
held.release()
await vmapUnlocked(buffer, map)
map.fill(0, 0xff, 4)
await vunmapUnlocked(buffer, map)
await using whole = await frame.vmap()
assert.equal(whole.map.read('u32', 0), 0xffff_ffff)

// Other threads: a heap of shared memory. Post this to a worker, and keep a handle meanwhile.
using shared = openMemoryHeap({ shared: true }).allocate(1)
assert.equal(sharedMemoryOf(shared).byteLength, PAGE_BYTES)
console.log(`the exporter was asked: ${calls.join(', ')}`)
