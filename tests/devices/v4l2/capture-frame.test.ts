// Goal: a frame's planes are found in whichever of its buffers they lie, until it is given back.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CaptureFrame } from '#src/devices/v4l2/capture-frame.js'
import { openMemfdHeap } from '#src/linux/index.js'
import type { DmaBuf } from '#src/index.js'

function fill(buffer: DmaBuf, value: number): void {
  const access = buffer.tryBeginCpuAccess('write')
  access?.bytes.fill(value)
  access?.end()
}

function splitFrame(bytesUsed: readonly number[]): { frame: CaptureFrame; given: () => number } {
  const heap = openMemfdHeap()
  const buffers = [heap.allocate(4096), heap.allocate(4096)]
  for (const [index, buffer] of buffers.entries()) fill(buffer, index + 1)
  let given = 0
  const frame = new CaptureFrame({
    buffers,
    format: {
      ...{ fourcc: 'NV12', width: 16, height: 4 },
      planes: [
        { bufferIndex: 0, offsetBytes: 128, strideBytes: 16, rowCount: 4 },
        { bufferIndex: 1, offsetBytes: 64, strideBytes: 16, rowCount: 2 },
      ],
    },
    filled: {
      index: 0,
      sequence: 3,
      timestampNs: 5,
      damaged: false,
      bytesUsed,
      dataOffsets: [0, 0],
    },
    missed: 0,
    giveBack: () => {
      given++
      for (const buffer of buffers) buffer.close()
    },
  })
  return { frame, given: () => given }
}

test('plane finds the bytes in the buffer of the plane', () => {
  const { frame, given } = splitFrame([192, 96])
  assert.deepEqual([frame.plane(0).length, frame.plane(0)[0]], [64, 1])
  const chroma = frame.plane(1)
  assert.deepEqual([chroma.length, chroma[0]], [32, 2])
  assert.throws(() => frame.plane(2), RangeError)
  frame.release()
  frame.release()
  assert.equal(given(), 1)
  assert.equal(chroma.length, 0)
  assert.throws(() => frame.plane(0), { code: 'EBADF' })
  assert.throws(() => frame.plane(1), { code: 'EBADF' })
})

test('A frame of which nothing is in use has no bytes; one of more than there is has what there is', () => {
  const empty = splitFrame([0, 0]).frame
  assert.equal(empty.bytes.length, 0)
  assert.throws(() => empty.plane(0), RangeError)
  empty.release()
  const long = splitFrame([99_999, 0]).frame
  assert.equal(long.lengthBytes, 4096)
  long.release()
})
