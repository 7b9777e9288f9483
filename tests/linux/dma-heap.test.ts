// Goal: a heap of the kernel's is asked for whole pages, within the limit, and what it gives is ours.
// Method: /dev/null in the place of the heap's node, answered by the test; tests/kernel has the real one.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Heap } from '#src/core/heap/heap.js'
import { openDmaHeap } from '#src/linux/dma-heap.js'
import { native, type Native } from '#src/linux/native.js'
import { O_CLOEXEC, O_RDONLY, O_RDWR } from '#src/uapi/file.js'
import { FakeKernelBuffers } from '../helpers/fake-kernel-buffers.js'
import { countResources, settled } from '../helpers/leaks.js'

/** Of the kernel, for one buffer. */
interface Asked {
  readonly lengthBytes: number
  readonly flags: number
}

interface Rig extends Disposable {
  readonly fakes: FakeKernelBuffers
  readonly opened: string[]
  readonly asked: Asked[]
  open(options?: { maxLengthBytes?: number }): Heap
}

function rig(): Rig {
  const fakes = new FakeKernelBuffers()
  const calls: Pick<Native, 'openFile'> = native()
  const { openFile } = calls
  const opened: string[] = []
  const asked: Asked[] = []
  calls.openFile = (path, flags) => {
    opened.push(path)
    return openFile('/dev/null', flags)
  }
  fakes.allocate = (_heap, lengthBytes, flags) => {
    asked.push({ lengthBytes, flags })
    return fakes.make().fd.release()
  }
  return {
    fakes,
    opened,
    asked,
    open: (options) => openDmaHeap('system', options),
    [Symbol.dispose]() {
      calls.openFile = openFile
      fakes[Symbol.dispose]()
    },
  }
}

test('A buffer is asked for in whole pages, with a descriptor that programs do not inherit [HEAP-9, HEAP-10]', () => {
  using one = rig()
  using heap = one.open()
  heap.allocate(4097).close()
  heap.allocate(1, { flags: O_RDONLY }).close()
  assert.deepEqual(one.opened, ['/dev/dma_heap/system'])
  assert.deepEqual(one.asked, [
    { lengthBytes: 8192, flags: O_RDWR | O_CLOEXEC },
    { lengthBytes: 4096, flags: O_RDONLY | O_CLOEXEC },
  ])
})

test('A buffer has the heap’s name as its exporter’s, and its own from the kernel [HEAP-11, BUF-52]', () => {
  using one = rig()
  using heap = one.open()
  using buffer = heap.allocate(1, { name: 'frame' })
  assert.deepEqual([buffer.exporterName, buffer.name], ['system', 'frame'])
  assert.deepEqual(one.fakes.names, ['frame'])
})

test('Flags that the kernel has no use for are not asked for [HEAP-9]', () => {
  using one = rig()
  using heap = one.open()
  for (const flags of [-1, NaN, 0.5, 4, 'x' as never])
    assert.throws(() => heap.allocate(1, { flags }), { code: 'EINVAL', rule: 'HEAP-9' })
  heap.allocate(1, { flags: 3 | O_CLOEXEC }).close()
  assert.equal(one.asked.length, 1)
})

test('What is beyond the limit is never asked for [HEAP-13]', () => {
  using one = rig()
  using heap = one.open({ maxLengthBytes: 8192 })
  heap.allocate(8192).close()
  assert.throws(() => heap.allocate(8193), { code: 'ENOMEM' })
  using other = one.open()
  assert.throws(() => other.allocate(2 ** 50), { code: 'ENOMEM' })
  assert.equal(one.asked.length, 1)
})

test('What the heap refuses is thrown, and nothing is left open', async () => {
  await settled()
  const before = countResources()
  {
    using one = rig()
    using heap = one.open()
    one.fakes.allocate = () => -12
    assert.throws(() => heap.allocate(1), { code: 'ENOMEM', operation: 'allocate' })
    assert.throws(() => heap.allocate(0), RangeError)
  }
  await settled()
  assert.deepEqual(countResources(), before)
})

test('A heap that was closed is EBADF', () => {
  using one = rig()
  const heap = one.open()
  heap.close()
  heap.close()
  assert.throws(() => heap.allocate(1), { code: 'EBADF' })
})
