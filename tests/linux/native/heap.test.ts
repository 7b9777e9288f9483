// Goal: what is no heap gives no buffer, whatever is asked of it.
// Method: the bare function on files that are no heaps; tests/kernel has the real ones.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemfd } from '#src/linux/memfd.js'
import { native } from '#src/linux/native.js'
import { openNode } from '#src/linux/open-node.js'

const EBADF = -9
const EINVAL = -22
const ENOTTY = -25

const inode = new Int32Array(2)

test('A file that is no heap is ENOTTY, and the inode stays as it was [HEAP-4]', () => {
  using device = openNode('/dev/null')
  using memory = createMemfd('no heap', 4096)
  inode.fill(7)
  for (const { number } of [device, memory])
    assert.equal(native().allocateFromHeap(number, 4096, 2, inode), ENOTTY)
  assert.deepEqual([...inode], [7, 7])
})

test('A closed descriptor is EBADF', () => {
  const closed = openNode('/dev/null')
  const { number } = closed
  closed.close()
  assert.equal(native().allocateFromHeap(number, 4096, 2, inode), EBADF)
  assert.equal(native().allocateFromHeap(-1, 4096, 2, inode), EBADF)
})

test('A length that is none and no room for the inode are EINVAL, before the heap is asked', () => {
  using device = openNode('/dev/null')
  for (const length of [-1, NaN, 2 ** 53])
    assert.equal(native().allocateFromHeap(device.number, length, 2, inode), EINVAL)
  assert.equal(native().allocateFromHeap(device.number, 4096, 2, new Int32Array(1)), EINVAL)
  assert.equal(native().allocateFromHeap(device.number, 4096, 2, undefined as never), EINVAL)
})
