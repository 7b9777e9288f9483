// Goal: a consumer's buffers follow its producer's, and what is held stays open.
// Method: buffers of a memory heap; whether one is closed is asked of its handle.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openMemoryHeap, type DmaBuf } from '#src/index.js'
import { SlotBuffers } from '#src/frames/slot-buffers.js'

const heap = openMemoryHeap()

function put(slots: SlotBuffers, serial: number, lengthBytes = 4096): DmaBuf {
  const buffer = heap.allocate(lengthBytes)
  slots.put({ slot: 3, serial, buffer })
  return buffer
}

test('SlotBuffers.lengthOf knows the serial that a slot has now, and no other', () => {
  const slots = new SlotBuffers()
  assert.equal(slots.lengthOf(3, 1), undefined)
  put(slots, 1)
  put(slots, 2, 8192)
  assert.deepEqual(
    [1, 2, 3].map((serial) => slots.lengthOf(3, serial)),
    [undefined, 8192, undefined],
  )
  slots.put({ slot: 3, serial: 2, buffer: undefined })
  assert.equal(slots.lengthOf(3, 2), undefined)
})

test('A buffer that is replaced is closed at once, or with the last hold on it', () => {
  const slots = new SlotBuffers()
  const first = put(slots, 1)
  const second = put(slots, 2)
  assert.equal(first.closed, true)
  const holds = [slots.hold(3), slots.hold(3)]
  const third = put(slots, 3)
  assert.equal(holds[0]!.buffer, second)
  slots.letGo(holds[0]!)
  assert.equal(second.closed, false)
  slots.letGo(holds[1]!)
  assert.deepEqual([second.closed, third.closed], [true, false])
  const hold = slots.hold(3)
  slots.letGo(hold)
  assert.equal(third.closed, false, 'It is the current one')
})

test('Disposing closes all buffers, those that are replaced and held included', () => {
  const slots = new SlotBuffers()
  const buffers = [put(slots, 1)]
  slots.hold(3)
  buffers.push(put(slots, 2))
  slots[Symbol.dispose]()
  assert.deepEqual(
    buffers.map((buffer) => buffer.closed),
    [true, true],
  )
})
