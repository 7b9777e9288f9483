// Goal: an attachment is used without knowing of locks, and its mappings end with the code that asked for them.
// Method: an exporter that notes its calls; locks held by somebody else; uses that fail.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { attachDevice } from '#src/core/buffer/attach.js'
import { setDebug } from '#src/core/debug.js'
import { isSettled, RecordingBuffer, recordingImporter } from '../../helpers/recording-buffer.js'
import { collectWarnings } from '../../helpers/warnings.js'

async function attached(buffer = new RecordingBuffer()) {
  const attachment = await attachDevice(buffer, { name: 'npu' })
  buffer.take()
  return { buffer, attachment }
}

test('Attachment.isDynamic tells whether there are importer ops [C-3, API-2]', async () => {
  const buffer = new RecordingBuffer({ dynamic: true })
  assert.equal((await attachDevice(buffer, { name: 'a' })).isDynamic, false)
  assert.equal((await attachDevice(buffer, { name: 'b' }, recordingImporter())).isDynamic, true)
})

test('Attachment.map and unmap wait for the lock, whatever a signal says [ATT-22]', async () => {
  const { buffer, attachment } = await attached()
  let held = await buffer.reservation.lock()
  const mapping = attachment.map('to-device', { signal: AbortSignal.abort() })
  assert.equal(await isSettled(mapping), false)
  assert.deepEqual(buffer.take(), [])
  assert.equal(buffer.alive, 1)
  held.release()
  const table = await mapping
  assert.equal(buffer.reservation.isLocked, false)
  held = await buffer.reservation.lock()
  const unmapping = attachment.unmap(table, 'to-device')
  assert.equal(await isSettled(unmapping), false)
  held.release()
  await unmapping
  assert.deepEqual(buffer.take(), ['map npu to-device, locked', 'unmap npu to-device, locked'])
  assert.equal(buffer.alive, 0)
})

test('Attachment.stack tells where it was attached, with debug.stacks only', async () => {
  const { attachment: silent } = await attached()
  assert.equal(silent.stack, undefined)
  using _debug = setDebug({ stacks: true })
  const { attachment } = await attached()
  assert.match(attachment.stack ?? '', /npu attached here[^]*attach/)
})

test('Attachment.mapLocked and unmapLocked leave the lock to their caller [ATT-22, C-8]', async () => {
  const { buffer, attachment } = await attached()
  using held = await buffer.reservation.lock()
  const table = await attachment.mapLocked(held, 'to-device')
  attachment.unmapLocked(held, table, 'to-device')
  assert.equal(held.released, false)
  assert.deepEqual(buffer.take(), ['map npu to-device, locked', 'unmap npu to-device, locked'])
})

test('Attachment.withMapping unmaps when the promise of its use settles', async () => {
  const { buffer, attachment } = await attached()
  const result = await attachment.withMapping('from-device', async ({ segments }) => {
    await Promise.resolve()
    assert.deepEqual(buffer.take(), ['map npu from-device, locked'])
    return segments.length
  })
  assert.equal(result, 2)
  assert.deepEqual(buffer.take(), ['unmap npu from-device, locked'])
})

test('Attachment.withMapping unmaps where its use throws', async () => {
  const { buffer, attachment } = await attached()
  const use = () => {
    throw new Error('Broken')
  }
  await assert.rejects(attachment.withMapping('to-device', use), /Broken/)
  assert.deepEqual(buffer.take().at(-1), 'unmap npu to-device, locked')
})

test('Attachment.map rejects instead of throwing', async () => {
  const { buffer, attachment } = await attached()
  buffer.reservation.destroy()
  const mapping = attachment.map('to-device')
  await assert.rejects(mapping)
  await assert.rejects(attachment.unmap({} as never, 'to-device'))
})

test('An attachment can be held with `await using` [ATT-9]', async () => {
  const buffer = new RecordingBuffer()
  {
    await using _attachment = await attachDevice(buffer, { name: 'npu' })
    assert.equal(buffer.attachments.size, 1)
  }
  assert.equal(buffer.attachments.size, 0)
})

test('detach of an attachment again does nothing', async () => {
  using warnings = collectWarnings()
  const { buffer, attachment } = await attached()
  await attachment.detach()
  await attachment.detach()
  assert.deepEqual(buffer.take(), ['detach npu'])
  assert.deepEqual(warnings.list, [])
})

test('Mapping takes a device that is attached: there is no other way to a table [ATT-25]', async () => {
  const { attachment } = await attached()
  const other = await attachDevice(new RecordingBuffer(), { name: 'gpu' })
  using held = await attachment.buffer.reservation.lock()
  await assert.rejects(other.mapLocked(held, 'to-device'), /Another reservation/)
})

test('There is no map that fails instead of waiting [ATT-35, PROP-19]', async () => {
  const { attachment } = await attached()
  assert.equal('tryMap' in attachment, false)
})
