// Goal: the last reference releases the memory, and only the last; a buffer begins as the rules say.
// Method: counts by hand over a fake exporter.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BufferObject, type ExportInfo } from '#src/core/buffer/buffer-object.js'
import { setDebug } from '#src/core/debug.js'
import { Reservation } from '#src/core/reservation/reservation.js'
import { O_CLOEXEC, O_NONBLOCK, O_PATH, O_RDONLY, O_RDWR, O_WRONLY } from '#src/uapi/file.js'
import { FakeExporter } from '../../helpers/fake-exporter.js'

function objectWith(more: Partial<ExportInfo> = {}) {
  const exporter = new FakeExporter(8)
  const info = { exporterName: 'fake', lengthBytes: 8, ops: exporter, state: exporter }
  return { exporter, object: new BufferObject({ ...info, ...more }) }
}

test('BufferObject.put releases the memory with the last reference [BUF-19, BUF-20, BUF-23]', () => {
  const { exporter, object } = objectWith()
  object.get()
  object.get()
  assert.equal(object.references, 2)
  object.put()
  assert.deepEqual(exporter.calls, [])
  assert.equal(object.released, false)
  object.put()
  assert.deepEqual(exporter.calls, ['release'])
  assert.equal(object.released, true)
})

test('BufferObject takes the next inode where the memory has none [BUF-12]', () => {
  const first = objectWith().object.inode
  assert.equal(objectWith({ inode: 5n }).object.inode, 5n)
  assert.equal(objectWith().object.inode, first + 1n)
})

test('BufferObject begins without name, attachments, vmaps and armed slots [BUF-10]', () => {
  const { object } = objectWith()
  assert.equal(object.name, undefined)
  assert.equal(object.attachmentCount, 0)
  assert.equal([...object.attachments].length, 0)
  assert.deepEqual([object.vmapCount, object.vmapPointer], [0, undefined])
  assert.equal(object.poll.isArmed, false)
  assert.equal(objectWith({ name: '' }).object.name, '')
})

for (const [what, flags, kept] of [
  ['nothing', undefined, O_RDWR],
  ['0', 0, O_RDONLY],
  ['O_WRONLY', O_WRONLY, O_WRONLY],
  ['O_RDWR', O_RDWR, O_RDWR],
  ['O_RDWR | O_NONBLOCK', O_RDWR | O_NONBLOCK, O_RDWR | O_NONBLOCK],
  ['O_CLOEXEC', O_CLOEXEC, O_RDONLY],
  ['O_RDWR | O_CLOEXEC | O_PATH', O_RDWR | O_CLOEXEC | O_PATH, O_RDWR],
  ['all bits', -1, 3 | O_NONBLOCK],
] as const)
  test(`BufferObject keeps access mode and O_NONBLOCK of ${what} [BUF-9]`, () => {
    assert.equal(objectWith({ flags }).object.flags, kept)
  })

test('BufferObject makes its own reservation when it is asked for one, and borrows one that was given [BUF-8]', () => {
  const { object } = objectWith()
  assert.equal(object.knownReservation, undefined)
  assert.equal(object.isReadyFor(true), true)
  assert.equal(object.knownReservation, undefined)
  const own = object.reservation
  assert.equal(object.reservation, own)
  assert.equal(object.knownReservation, own)
  const lent = new Reservation()
  const borrower = objectWith({ reservation: lent }).object
  assert.equal(borrower.reservation, lent)
  assert.equal(borrower.hasOwnReservation, false)
})

test('BufferObject fails with ENOMEM where there is no memory for it [BUF-6]', () => {
  using _debug = setDebug({ failAllocations: true })
  assert.throws(() => objectWith(), { code: 'ENOMEM', rule: 'BUF-6' })
})
