// Goal: number and layout of linux/dma-heap.h.
// Method: whole numbers from the specification, and the C compiler's view of the system's header.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as uapi from '#src/uapi/dma-heap.js'
import { assertLayout, offsetsOf, uapiLayout } from '../helpers/uapi-layout.js'

test('dma_heap_allocation_data lies as documented [HEAP-8]', (t) => {
  const zero = { lengthBytes: 0n, fd: 0, fdFlags: 0, heapFlags: 0n }
  const offsets = offsetsOf(uapi.encodeAllocationData, zero)
  assert.deepEqual(offsets, { lengthBytes: 0, fd: 8, fdFlags: 12, heapFlags: 16 })
  assert.equal(uapi.encodeAllocationData(zero).length, 24)
  const layout = uapiLayout(t)
  if (layout === undefined) return
  assertLayout(layout, {
    DMA_HEAP_IOCTL_ALLOC: uapi.DMA_HEAP_IOCTL_ALLOC,
    DMA_HEAP_VALID_FD_FLAGS: uapi.DMA_HEAP_VALID_FD_FLAGS,
    DMA_HEAP_VALID_HEAP_FLAGS: Number(uapi.DMA_HEAP_VALID_HEAP_FLAGS),
    dma_heap_allocation_data: uapi.DMA_HEAP_ALLOCATION_DATA_BYTES,
    'dma_heap_allocation_data.len': offsets.lengthBytes,
    'dma_heap_allocation_data.fd': offsets.fd,
    'dma_heap_allocation_data.fd_flags': offsets.fdFlags,
    'dma_heap_allocation_data.heap_flags': offsets.heapFlags,
  })
})

test('DMA_HEAP_IOCTL_ALLOC is that of every Linux', () => {
  assert.equal(uapi.DMA_HEAP_IOCTL_ALLOC, 0xc0184800)
})

test('decodeAllocationData returns what was encoded', () => {
  const data = { lengthBytes: 2n ** 64n - 1n, fd: 0xffffffff, fdFlags: 0o2000002, heapFlags: 1n }
  assert.deepEqual(uapi.decodeAllocationData(uapi.encodeAllocationData(data)), data)
})
