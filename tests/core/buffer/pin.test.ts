// Goal: pins reach the exporter, and everybody who can live with a move is told of it.
// Method: exporters and importers that note their calls, some of which fail.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { attachDevice } from '#src/core/buffer/attach.js'
import { moveNotify, pinAttachment, unpinAttachment } from '#src/core/buffer/pin.js'
import { DmaBufError } from '#src/core/errors.js'
import { Reservation } from '#src/core/reservation/reservation.js'
import { RecordingBuffer, recordingImporter } from '../../helpers/recording-buffer.js'
import { collectWarnings } from '../../helpers/warnings.js'

const npu = { name: 'npu' }
const einval = (operation: string) => ({ code: 'EINVAL', operation })

test('pin and unpin call the exporter with the lock held, once each [ATT-26, ATT-27, C-7, API-2]', async () => {
  const buffer = new RecordingBuffer({ dynamic: true })
  const attachment = await attachDevice(buffer, npu, recordingImporter())
  buffer.take()
  using warnings = collectWarnings()
  using held = await buffer.reservation.lock()
  await attachment.pin(held)
  assert.deepEqual(buffer.take(), ['pin npu, locked'])
  attachment.unpin(held)
  assert.deepEqual(buffer.take(), ['unpin npu, locked'])
  assert.deepEqual(warnings.list, [])
})

test('pin of a static exporter succeeds and does nothing [ATT-26]', async () => {
  const buffer = new RecordingBuffer()
  const attachment = await attachDevice(buffer, npu, recordingImporter())
  buffer.take()
  using held = await buffer.reservation.lock()
  await attachment.pin(held)
  attachment.unpin(held)
  assert.deepEqual(buffer.take(), [])
})

test('pin and unpin by a static importer warn, and go on [ATT-26]', async () => {
  const buffer = new RecordingBuffer({ dynamic: true })
  const attachment = await attachDevice(buffer, npu)
  buffer.take()
  using warnings = collectWarnings()
  using held = await buffer.reservation.lock()
  await attachment.pin(held)
  attachment.unpin(held)
  assert.deepEqual(
    warnings.list.map(({ rule }) => rule),
    ['ATT-26', 'ATT-26'],
  )
  assert.deepEqual(buffer.take(), ['pin npu, locked', 'unpin npu, locked'])
})

for (const later of [false, true])
  test(`pin gives on what the exporter ${later ? 'rejects with' : 'throws'} [ATT-26]`, async () => {
    const error = new DmaBufError('EIO', 'pin', 'Broken')
    const buffer = new RecordingBuffer({
      dynamic: true,
      replace: {
        pin: () => {
          if (!later) throw error
          return Promise.reject(error)
        },
      },
    })
    const attachment = await attachDevice(buffer, npu, recordingImporter())
    using held = await buffer.reservation.lock()
    await assert.rejects(attachment.pin(held), (found) => found === error)
    assert.equal(attachment.held, undefined)
    assert.equal(held.released, false)
  })

test('pin, unpin and moveNotify need the lock of this buffer [ATT-26, ATT-29, C-8]', async () => {
  const buffer = new RecordingBuffer({ dynamic: true })
  const attachment = await attachDevice(buffer, npu, recordingImporter())
  buffer.take()
  using foreign = await new Reservation().lock()
  await assert.rejects(attachment.pin(foreign), einval('pin'))
  assert.throws(() => attachment.unpin(foreign), einval('unpin'))
  assert.throws(() => moveNotify(buffer, foreign), einval('moveNotify'))
  assert.deepEqual(buffer.take(), [])
})

test('pin and unpin of nothing are EINVAL', async () => {
  using _warnings = collectWarnings()
  using held = await new Reservation().lock()
  assert.throws(() => pinAttachment(null, held), einval('pin'))
  assert.throws(() => unpinAttachment(undefined, held), einval('unpin'))
})

test('moveNotify tells dynamic attachments, newest first, and skips static ones [ATT-29, API-2]', async () => {
  const buffer = new RecordingBuffer({ dynamic: true })
  const { notes, ...importer } = recordingImporter()
  for (const name of ['a', 'b', 'c', 'd'])
    await attachDevice(buffer, { name }, name === 'b' ? undefined : importer)
  using held = await buffer.reservation.lock()
  moveNotify(buffer, held)
  assert.deepEqual(notes, ['d', 'c', 'a'])
})

test('moveNotify gives importers the proof of the lock, to add their fences [ATT-30, ATT-31]', async () => {
  const buffer = new RecordingBuffer({ dynamic: true })
  let proof: unknown
  const importer = {
    moveNotify: (_attachment: unknown, held: unknown) => {
      proof = held
      assert.equal(buffer.reservation.isLocked, true)
    },
  }
  const attachment = await attachDevice(buffer, npu, importer)
  const table = await attachment.map('to-device')
  {
    using held = await buffer.reservation.lock()
    moveNotify(buffer, held)
    assert.equal(proof, held)
  }
  // The old mapping is still the importer's, and a new one can be had.
  assert.equal(table.holder, attachment)
  const again = await attachment.map('to-device')
  assert.notEqual(again, table)
})

for (const later of [false, true])
  test(`An importer whose moveNotify ${later ? 'rejects' : 'throws'} is reported, and the others are told [ATT-29, PORT-4]`, async () => {
    const buffer = new RecordingBuffer({ dynamic: true })
    const { notes, ...importer } = recordingImporter()
    const broken = {
      moveNotify: () => {
        if (!later) throw new Error('Broken')
        return Promise.reject(new Error('Broken')) as never
      },
    }
    await attachDevice(buffer, { name: 'a' }, importer)
    await attachDevice(buffer, { name: 'b' }, broken)
    await attachDevice(buffer, { name: 'c' }, importer)
    using warnings = collectWarnings()
    using held = await buffer.reservation.lock()
    moveNotify(buffer, held)
    await Promise.resolve()
    assert.deepEqual(notes, ['c', 'a'])
    assert.deepEqual(
      warnings.list.map(({ message }) => message),
      ['moveNotify must not throw: Error: Broken'],
    )
  })
