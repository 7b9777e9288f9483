// Devices say what memory they can reach; the heap places a buffer, at its first mapping, where all of them do.
import assert from 'node:assert/strict'
import { openMemoryHeap } from 'dmabuf'
import { dmaMemory } from 'dmabuf/framework'

const camera = { name: 'camera', constraints: { maxSegmentBytes: 65_536, alignBytes: 8192 } }
const display = { name: 'display', constraints: { addressMask: 0xffff_ffff, maxSegments: 4 } }

const buffer = openMemoryHeap().allocate(200_000, { name: 'frame' })
const fromCamera = await buffer.attach(camera)
const toDisplay = await buffer.attach(display)

// A mapping is a loan of addresses: it ends when the function's promise settles.
await fromCamera.withMapping('from-device', async ({ segments }) => {
  for (const { address, lengthBytes } of segments) {
    assert.ok(lengthBytes <= 65_536 && address % 8192 === 0)
    dmaMemory(address, lengthBytes).fill(0x80) // the camera writes by address: DMA
  }
})
await toDisplay.withMapping('to-device', async ({ segments }) => {
  assert.ok(segments.length <= 4)
  assert.ok(segments.every(({ address, lengthBytes }) => address + lengthBytes <= 2 ** 32))
  console.log(`the display reads ${segments.length} segments, the first at ${segments[0]?.address}`)
})

const access = await buffer.beginCpuAccess('read')
assert.equal(access.bytes[199_999], 0x80) // the CPU sees what the camera wrote

// Who cannot be satisfied is told why, by name, and disturbs nobody.
const printer = { name: 'printer', constraints: { contiguous: true } }
await assert.rejects(buffer.attach(printer), (/** @type {any} */ error) => {
  console.log(error.message)
  return error.code === 'EBUSY'
})

access.end()
await toDisplay.detach()
await fromCamera.detach()
buffer.close()
