// Goal: a driver's pictures are copied from where it says that they are, every byte is counted, and nothing stays mapped.
// Method: the driver's memory is a memfd whose pages differ.
import assert from 'node:assert/strict'
import { writeSync } from 'node:fs'
import { test } from 'node:test'
import { copiedBytes } from '#src/core/buffer/copied-bytes.js'
import type { BufferQueue, FilledBuffer } from '#src/devices/v4l2/buffer-queue.js'
import { copyPicture, MappedBuffers } from '#src/devices/v4l2/mapped-buffers.js'
import { createMemfd } from '#src/linux/memfd.js'
import { openMemfdHeap } from '#src/linux/index.js'
import { mappedMemfds, settled } from '../../helpers/leaks.js'

const PAGE = 4096

/** A driver with two buffers of two pieces, a page each, filled with 1, 2, 3 and 4. */
class Driver implements Disposable {
  readonly fd = createMemfd('driver', 4 * PAGE)
  pieceBytes = PAGE
  ended = 0

  constructor() {
    for (let page = 0; page < 4; page++)
      writeSync(this.fd.number, new Uint8Array(PAGE).fill(page + 1), 0, PAGE, page * PAGE)
  }

  get queue(): BufferQueue {
    return {
      request: () => 2,
      whereToMap: (index: number, piece: number) => ({
        fd: this.fd,
        offset: (2 * index + piece) * PAGE,
        lengthBytes: this.pieceBytes,
      }),
      [Symbol.dispose]: () => this.ended++,
    } as unknown as BufferQueue
  }

  [Symbol.dispose](): void {
    this.fd.close()
  }
}

const wanted = { count: 2, pieceLengths: [PAGE, PAGE] }

function mappings(): number {
  return mappedMemfds().filter((line) => line.includes('driver')).length
}

test('MappedBuffers copies from the buffer and the piece that was filled, and counts', () => {
  using driver = new Driver()
  using mapped = new MappedBuffers(driver.queue, wanted)
  assert.equal(mapped.count, 2)
  const before = copiedBytes()
  for (const [index, piece, value] of [
    [0, 0, 1],
    [0, 1, 2],
    [1, 1, 4],
  ] as const) {
    const target = new Uint8Array(100)
    mapped.copyTo({ index, piece }, target)
    assert.ok(target.every((byte) => byte === value))
  }
  assert.deepEqual([mapped.bytesCopied, copiedBytes() - before], [300, 300])
})

test('MappedBuffers copies no more than is mapped', () => {
  using driver = new Driver()
  using mapped = new MappedBuffers(driver.queue, wanted)
  const target = new Uint8Array(PAGE + 1)
  assert.throws(
    () => {
      mapped.copyTo({ index: 0, piece: 0 }, target)
    },
    { code: 'EINVAL' },
  )
  assert.equal(mapped.bytesCopied, 0)
})

test('MappedBuffers unmaps everything, also where the driver’s buffers are too small', async () => {
  using driver = new Driver()
  await settled()
  const before = mappings()
  const mapped = new MappedBuffers(driver.queue, wanted)
  assert.equal(mappings(), before + 4)
  mapped[Symbol.dispose]()
  // At once: drivers keep what is mapped.
  assert.equal(mappings(), before)
  driver.pieceBytes = PAGE - 1
  assert.throws(() => new MappedBuffers(driver.queue, wanted), { code: 'EPROTO' })
  assert.deepEqual([mappings(), driver.ended], [before, 1])
})

test('copyPicture copies of each piece what is in use', () => {
  using driver = new Driver()
  using mapped = new MappedBuffers(driver.queue, wanted)
  using heap = openMemfdHeap()
  using first = heap.allocate(PAGE)
  using second = heap.allocate(PAGE)
  copyPicture(mapped, { index: 1, bytesUsed: [10, 0] } as unknown as FilledBuffer, [first, second])
  using seen = first.tryBeginCpuAccess('read')
  assert.deepEqual([...(seen?.bytes.subarray(8, 12) ?? [])], [3, 3, 0, 0])
  using none = second.tryBeginCpuAccess('read')
  assert.equal(none?.bytes[0], 0)
  assert.equal(mapped.bytesCopied, 10)
})
