// Goal: memory is where all attached devices reach it, moves only where it may, and contradictions are named.
// Method: devices attached one after another to a small memory; random ones against an exhaustive search.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { attachDevice } from '#src/core/buffer/attach.js'
import { segmentProblem } from '#src/core/buffer/constraints.js'
import { setDebug } from '#src/core/debug.js'
import { drainDeferred } from '#src/core/deferred.js'
import { DmaBufError } from '#src/core/errors.js'
import { PAGE, placedBuffer } from '../../helpers/placed-buffer.js'
import { anyDevices, mostPages } from '../../helpers/placement-oracle.js'

const isBusy = (rule: string, words: RegExp) => (error: unknown) => {
  assert.ok(DmaBufError.is(error, 'EBUSY'), String(error))
  assert.equal(error.rule, rule)
  assert.match(error.message, words)
  return true
}

test('Memory is placed at the first mapping, not before [ATT-34]', async () => {
  const { frames, placed, attach } = placedBuffer(4)
  const attachment = await attach('npu')
  assert.equal(placed.placement, undefined)
  assert.equal(frames.freeBytes, 64 * PAGE)
  assert.equal(frames.promisedBytes, 4 * PAGE)
  const { segments } = await attachment.map('to-device')
  assert.deepEqual(segments, placed.placement!.segments)
  assert.equal(frames.freeBytes, 60 * PAGE)
})

test('The first mapping looks at all attached devices, not at its own only [ATT-34]', async () => {
  const { placed, attach } = placedBuffer(4)
  const first = await attach('free')
  const low = { addressMask: 8 * PAGE - 1 }
  await attach('low', low)
  await first.map('to-device')
  assert.equal(segmentProblem(placed.placement!.segments, low), undefined)
})

test('A table covers exactly the pages of the buffer, and devices read what is there [SG-7, SG-6]', async () => {
  const { frames, attach, bytes } = placedBuffer(4)
  const attachment = await attach('npu', { maxSegmentBytes: PAGE })
  const { segments } = await attachment.map('to-device')
  bytes.fill(1, PAGE, 2 * PAGE)
  assert.equal(segments.length, 4)
  assert.deepEqual(
    segments.map(({ address, lengthBytes }) => frames.memory(address, lengthBytes)[0]),
    [0, 1, 0, 0],
  )
})

test('Devices that contradict each other are named at attach, those attached first come first [ATT-6]', async () => {
  const { buffer, attach } = placedBuffer(4)
  await attach('camera', { contiguous: true })
  const attaching = attach('display', { maxSegmentBytes: 2 * PAGE })
  await assert.rejects(
    attaching,
    isBusy(
      'ATT-6',
      /^EBUSY: No memory suits camera \(contiguous\) and display \(maxSegmentBytes 8192\) for 16384 bytes: [^\n]*$/,
    ),
  )
  assert.equal(buffer.attachments.size, 1)
  assert.equal(buffer.reservation.isLocked, false)
})

test('Devices that attach at the same time are found to contradict each other at the first mapping [ATT-34]', async () => {
  const { buffer, attach } = placedBuffer(4)
  const held = await buffer.reservation.lock()
  const attaching = [
    attach('camera', { contiguous: true }),
    attach('display', { maxSegmentBytes: PAGE }),
  ]
  held.release()
  const [camera] = await Promise.all(attaching)
  await assert.rejects(
    camera!.map('to-device'),
    isBusy('ATT-34', /camera \(contiguous\) and display \(maxSegmentBytes 4096\)/),
  )
})

test('A device that cannot reach placed memory is EBUSY while it is mapped [ATT-6]', async () => {
  const { attach } = placedBuffer(4)
  const free = await attach('free')
  const table = await free.map('to-device')
  const low = { addressMask: 8 * PAGE - 1 }
  const words =
    /low cannot reach the memory, and it cannot move now: 16384 bytes at 0x3d000: its addressMask is 0x7fff/
  await assert.rejects(attach('low', low), isBusy('ATT-6', words))
  await free.unmap(table, 'to-device')
  const attachment = await attach('low', low)
  const { segments } = await attachment.map('to-device')
  assert.equal(segmentProblem(segments, low), undefined)
})

test('Static memory moves between mappings, and never under one [ATT-32]', async () => {
  const { placed, frames, attach } = placedBuffer(4)
  const free = await attach('free')
  const low = await attach('low', { addressMask: 8 * PAGE - 1 })
  const table = await low.map('to-device')
  await low.unmap(table, 'to-device')
  assert.equal(placed.mappings, 0)
  const place = placed.placement
  // It suits: it stays.
  await free.map('to-device')
  assert.equal(placed.placement, place)
  assert.equal(frames.freeBytes, 60 * PAGE)
})

test('map of a device out of reach is EBUSY while another mapping holds the memory [ATT-6, ATT-32]', async () => {
  const { buffer, attach } = placedBuffer(4)
  const free = await attach('free')
  const held = await buffer.reservation.lock()
  const attaching = attach('low', { addressMask: 8 * PAGE - 1 })
  // Placed and mapped before the other one is in the list.
  const table = await free.mapLocked(held, 'to-device')
  held.release()
  const low = await attaching
  await assert.rejects(low.map('to-device'), isBusy('ATT-6', /low cannot reach/))
  await free.unmap(table, 'to-device')
  assert.ok(await low.map('to-device'))
})

test('Movable memory moves under dynamic importers, who are told, newest first [ATT-29, ATT-32]', async () => {
  using _debug = setDebug({ moveNotify: true })
  const { placed, buffer, attach, notes } = placedBuffer(4, { movable: true })
  const free = await attach('free')
  const old = await free.map('to-device')
  const place = placed.placement
  const low = await attach('low', { addressMask: 8 * PAGE - 1 })
  await low.map('to-device')
  assert.deepEqual(notes, ['low', 'free'])
  assert.notEqual(placed.placement, place)
  // The old mapping can be used until it is dropped.
  assert.equal(place!.freed, false)
  assert.equal(placed.mappings, 2)
  await free.unmap(old, 'to-device')
  assert.equal(place!.freed, true)
  const again = await free.map('to-device')
  assert.deepEqual(again.segments, placed.placement!.segments)
  assert.equal(buffer.reservation.isLocked, false)
})

test('Without MOVE_NOTIFY mappings of dynamic importers pin the memory [ATT-14, ATT-32]', async () => {
  const { placed, attach } = placedBuffer(4, { movable: true })
  const free = await attach('free')
  const table = await free.map('to-device')
  assert.equal(placed.pins, 1)
  await assert.rejects(
    attach('low', { addressMask: 8 * PAGE - 1 }),
    isBusy('ATT-6', /cannot move now/),
  )
  await free.unmap(table, 'to-device')
  assert.equal(placed.pins, 0)
})

test('A static importer pins movable memory from attach to detach [ATT-7, ATT-32]', async () => {
  const { placed, buffer, attach } = placedBuffer(4, { movable: true })
  const fixed = await attach('fixed', {}, false)
  assert.deepEqual([placed.pins, placed.mappings], [1, 1])
  using held = await buffer.reservation.lock()
  assert.throws(() => placed.move(buffer, held), isBusy('ATT-32', /pinned/))
  held.release()
  await fixed.detach()
  assert.deepEqual([placed.pins, placed.mappings], [0, 0])
})

test('pin chooses a place that every attached device reaches [ATT-28]', async () => {
  const { placed, buffer, attach } = placedBuffer(4, { movable: true })
  const free = await attach('free')
  await free.unmap(await free.map('to-device'), 'to-device')
  const low = { addressMask: 8 * PAGE - 1 }
  await attach('low', low)
  using held = await buffer.reservation.lock()
  await free.pin(held)
  assert.equal(segmentProblem(placed.placement!.segments, low), undefined)
  free.unpin(held)
})

test('The old place is used again only when the fences of the move have signalled [ATT-31]', async () => {
  const { placed, buffer, frames, attach } = placedBuffer(4, { movable: true })
  const free = await attach('free')
  await free.unmap(await free.map('to-device'), 'to-device')
  await buffer.add('bookkeep')
  const place = placed.placement!
  {
    using held = await buffer.reservation.lock()
    placed.move(buffer, held)
  }
  assert.equal(place.freed, false)
  assert.equal(frames.freeBytes, 56 * PAGE)
  buffer.signalAll()
  drainDeferred()
  assert.equal(place.freed, true)
  assert.equal(frames.freeBytes, 60 * PAGE)
})

test('A move that finds no other place leaves the memory where it is', async () => {
  const { placed, buffer, attach, notes } = placedBuffer(4, { movable: true, memoryPages: 4 })
  const free = await attach('free')
  await free.unmap(await free.map('to-device'), 'to-device')
  const place = placed.placement
  using held = await buffer.reservation.lock()
  assert.throws(
    () => placed.move(buffer, held),
    (error) => DmaBufError.is(error, 'ENOMEM'),
  )
  assert.equal(placed.placement, place)
  assert.deepEqual(notes, [])
})

test('release gives all frames back, those of mappings and of old places, too', async () => {
  using _debug = setDebug({ moveNotify: true })
  const { placed, frames, buffer, attach } = placedBuffer(4, { movable: true })
  const free = await attach('free')
  await free.map('to-device')
  {
    using held = await buffer.reservation.lock()
    placed.move(buffer, held)
  }
  assert.equal(frames.freeBytes, 56 * PAGE)
  placed.release()
  assert.deepEqual([frames.freeBytes, frames.promisedBytes], [64 * PAGE, 0])
})

test('A buffer that the frames do not hold is ENOMEM when it is made', () => {
  assert.throws(
    () => placedBuffer(65),
    (error) => DmaBufError.is(error, 'ENOMEM'),
  )
})

test('Random devices: each maps what it can reach, or those that are named exclude each other [ATT-6, ATT-34]', async () => {
  const range = { startAddress: PAGE, endAddress: 40 * PAGE }
  await fc.assert(
    fc.asyncProperty(anyDevices, fc.integer({ min: 1, max: 12 }), async (devices, pages) => {
      const { buffer, frames } = placedBuffer(pages, { memoryPages: 39 })
      const attached = []
      for (const device of devices) {
        try {
          attached.push(await attachDevice(buffer, device))
        } catch (error) {
          assert.ok(DmaBufError.is(error, 'EBUSY'))
          const named = error.details['devices'] as string[]
          assert.ok(named.includes(device.name))
          const excluding = devices.filter(({ name }) => named.includes(name))
          assert.ok(mostPages(excluding, range) < pages, error.message)
        }
      }
      const present = attached.map(({ device }) => device)
      for (const attachment of attached) {
        try {
          await attachment.withMapping('bidirectional', ({ segments }) => {
            for (const { constraints } of present)
              assert.equal(segmentProblem(segments, attachment.device.constraints), undefined, JSON.stringify(constraints)) // prettier-ignore
            const total = segments.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0)
            assert.equal(total, pages * PAGE)
          })
        } catch (error) {
          assert.ok(DmaBufError.is(error, 'ENOMEM'), String(error))
          assert.ok(mostPages(present, range) < pages, 'An exhaustive search finds room')
        }
      }
      for (const attachment of attached) await attachment.detach()
      assert.equal(buffer.attachments.size, 0)
      assert.ok(frames.freeBytes >= (39 - pages) * PAGE)
    }),
    { numRuns: 500 },
  )
})
