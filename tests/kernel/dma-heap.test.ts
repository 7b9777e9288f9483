import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errnoName } from '#src/core/errors.js'
import { native } from '#src/linux/native.js'
import { openNode } from '#src/linux/open-node.js'
import {
  decodeAllocationData,
  DMA_HEAP_IOCTL_ALLOC,
  encodeAllocationData,
} from '#src/uapi/dma-heap.js'
import { O_CLOEXEC, O_RDONLY, O_RDWR, SEEK_END } from '#src/uapi/file.js'

const SYSTEM_HEAP = '/dev/dma_heap/system'

/** The number of a new buffer, or the name of the error. */
function allocate(asked: {
  lengthBytes: bigint
  fdFlags?: number
  heapFlags?: bigint
}): number | string {
  using heap = openNode(SYSTEM_HEAP, O_RDONLY)
  const bytes = encodeAllocationData({
    fd: 0,
    fdFlags: O_RDWR | O_CLOEXEC,
    heapFlags: 0n,
    ...asked,
  })
  const result = native().ioctl(heap.number, DMA_HEAP_IOCTL_ALLOC, bytes)
  return result < 0 ? errnoName(-result) : decodeAllocationData(bytes).fd
}

void test('the system heap rounds a length up to whole pages [HEAP-9, EX-17]', () => {
  const fd = allocate({ lengthBytes: 4097n })
  assert.equal(typeof fd, 'number')
  assert.equal(native().seek(fd as number, 0, SEEK_END), 8192)
  assert.equal(native().close(fd as number), 0)
})

for (const [what, asked] of [
  ['no length', { lengthBytes: 0n }],
  ['a length that wraps', { lengthBytes: 2n ** 64n - 1n }],
  ['heap flags', { lengthBytes: 1n, heapFlags: 1n }],
] as const)
  void test(`the system heap refuses ${what} with EINVAL [HEAP-9]`, () => {
    assert.equal(allocate(asked), 'EINVAL')
  })
