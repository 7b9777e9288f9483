// Goal: a device that goes leaves the buffer as if it had never been there.
// Method: an exporter that notes its calls; detaching at bad times.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { attachDevice } from '#src/core/buffer/attach.js'
import type { Attachment } from '#src/core/buffer/attachment.js'
import { detachDevice } from '#src/core/buffer/detach.js'
import { isSettled, RecordingBuffer, recordingImporter } from '../../helpers/recording-buffer.js'
import { collectWarnings } from '../../helpers/warnings.js'

const npu = { name: 'npu' }

test('detachDevice of nothing, or of another buffer, warns and does nothing [ATT-9, API-2]', async () => {
  const buffer = new RecordingBuffer()
  const other = new RecordingBuffer()
  const attachment = await attachDevice(buffer, npu)
  buffer.take()
  using warnings = collectWarnings()
  await detachDevice(null, attachment)
  await detachDevice(buffer, undefined)
  await detachDevice(other, attachment)
  assert.deepEqual(
    warnings.list.map(({ rule }) => rule),
    ['ATT-9', 'ATT-9', 'ATT-9'],
  )
  assert.deepEqual([...buffer.take(), ...other.take()], [])
  assert.equal(buffer.attachments.size, 1)
  await detachDevice(buffer, attachment)
  assert.equal(buffer.attachments.size, 0)
})

test('detach unmaps and unpins what is cached with the lock, and tells the exporter without it [ATT-9, C-7]', async () => {
  const buffer = new RecordingBuffer({ dynamic: true })
  const attachment = await attachDevice(buffer, npu)
  buffer.take()
  const order: string[] = []
  Object.assign(buffer.ops, { detach: () => order.push(`${buffer.attachments.size} attached`) })
  await attachment.detach()
  assert.deepEqual(buffer.take(), ['unmap npu bidirectional, locked', 'unpin npu, locked'])
  assert.deepEqual(order, ['0 attached'])
  assert.equal(buffer.reservation.isLocked, false)
})

test('detach unmaps a cached mapping with the direction it was cached with [ATT-9, ATT-18]', async () => {
  const buffer = new RecordingBuffer({ cachesMappings: true })
  const attachment = await attachDevice(buffer, npu)
  const table = await attachment.map('from-device')
  buffer.take()
  await attachment.detach()
  assert.deepEqual(buffer.take(), ['unmap npu from-device, locked', 'detach npu'])
  assert.equal(attachment.mappings, 0)
  using warnings = collectWarnings()
  await attachment.unmap(table, 'from-device')
  assert.deepEqual(warnings.rules, ['ATT-21'], 'It is mapped no more')
})

test('detach leaves uncached mappings alone, and says so [ATT-10]', async () => {
  const buffer = new RecordingBuffer()
  const attachment = await attachDevice(buffer, npu)
  await attachment.map('to-device')
  buffer.take()
  using warnings = collectWarnings()
  await attachment.detach()
  assert.deepEqual(buffer.take(), ['detach npu'])
  assert.deepEqual(
    warnings.list.map(({ rule }) => rule),
    ['ATT-10'],
  )
})

test('detach waits for the lock [ATT-9]', async () => {
  const buffer = new RecordingBuffer()
  const attachment = await attachDevice(buffer, npu)
  const held = await buffer.reservation.lock()
  const detaching = attachment.detach()
  assert.equal(await isSettled(detaching), false)
  assert.equal(buffer.attachments.size, 1)
  assert.equal(buffer.alive, 1)
  held.release()
  await detaching
  assert.equal(buffer.attachments.size, 0)
  assert.equal(buffer.alive, 0)
})

for (const later of [false, true])
  test(`A detach op that ${later ? 'rejects' : 'throws'} is reported, and the device is gone [PORT-4]`, async () => {
    const fail = () => {
      if (!later) throw new Error('Broken')
      return Promise.reject(new Error('Broken'))
    }
    const buffer = new RecordingBuffer({ replace: { detach: fail } })
    const attachment = await attachDevice(buffer, npu)
    using warnings = collectWarnings()
    await attachment.detach()
    await Promise.resolve()
    assert.deepEqual(
      warnings.list.map(({ message }) => message),
      ['detach must not throw: Error: Broken'],
    )
    assert.equal(buffer.attachments.size, 0)
    assert.equal(buffer.reservation.isLocked, false)
  })

test('detach after the buffer was released asks the exporter for nothing any more [ATT-11]', async () => {
  const buffer = new RecordingBuffer({ dynamic: true })
  const attachment = await attachDevice(buffer, npu)
  buffer.take()
  buffer.released = true
  buffer.reservation.destroy()
  await attachment.detach()
  assert.deepEqual(buffer.take(), [])
  assert.equal(buffer.attachments.size, 0)
})

test('An attachment in the middle goes, the others stay in order [ATT-5, ATT-9]', async () => {
  const buffer = new RecordingBuffer({ dynamic: true })
  const importer = recordingImporter()
  const names = ['a', 'b', 'c']
  const attachments = await Promise.all(
    names.map((name) => attachDevice(buffer, { name }, importer)),
  )
  await attachments[1]!.detach()
  assert.deepEqual(
    [...buffer.attachments].map(({ device }) => device.name),
    ['c', 'a'],
  )
})

test('An exporter that detaches inside its own attach changes nothing, and is told [ATT-4, ATT-9]', async () => {
  using warnings = collectWarnings()
  const evil = { name: 'evil' }
  const detach = (attachment: Attachment): void => {
    if (attachment.device === evil) void attachment.detach()
  }
  const buffer = new RecordingBuffer({ replace: { attach: detach } })
  const first = await attachDevice(buffer, npu)
  const second = await attachDevice(buffer, evil)
  assert.deepEqual(warnings.rules, ['ATT-9'])
  assert.deepEqual([...buffer.attachments], [second, first])
  await second.detach()
  await first.detach()
  assert.equal(buffer.attachments.size, 0)
})
