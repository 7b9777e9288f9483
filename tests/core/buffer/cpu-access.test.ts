// Goal: the memory is the program's between begin and end, and not a moment longer.
// Method: a fake exporter whose bracket views die at their end.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CpuAccess, openView } from '#src/core/buffer/cpu-access.js'
import { BufferObject } from '#src/core/buffer/buffer-object.js'
import { setDebug } from '#src/core/debug.js'
import { FakeExporter, type FakeOptions } from '../../helpers/fake-exporter.js'
import { collectWarnings } from '../../helpers/warnings.js'

function accessOf(lengthBytes = 16, options: FakeOptions = {}) {
  const exporter = new FakeExporter(16, options)
  const object = new BufferObject({
    exporterName: 'fake',
    lengthBytes: 16,
    ops: exporter,
    state: exporter,
  })
  return { exporter, object, access: new CpuAccess(object, 'write', lengthBytes) }
}

test('CpuAccess.bytes is one view for the whole access, made when first looked at', () => {
  const { access, exporter } = accessOf()
  assert.deepEqual(exporter.calls, [])
  assert.equal(access.bytes, access.bytes)
  assert.equal(access.zeroCopy, false)
  assert.deepEqual(exporter.calls, ['open bracket write 16'])
  access.end()
})

test('CpuAccess.end takes the view back, tells the exporter, then drops its reference [CPU-6]', () => {
  const { access, exporter } = accessOf()
  const { bytes } = access
  bytes.fill(3)
  access.end()
  assert.equal(bytes.length, 0)
  assert.deepEqual(exporter.calls.slice(1), ['close bracket', 'end to-device', 'release'])
  assert.equal(exporter.memory[0], 3)
})

test('CpuAccess.end is idempotent, by name and by using', () => {
  const { access, exporter } = accessOf()
  {
    using scoped = access
    scoped.end()
    scoped.end()
  }
  assert.deepEqual(exporter.calls, ['end to-device', 'release'])
})

test('CpuAccess fails with EBADF after end', () => {
  const { access } = accessOf()
  access.end()
  assert.throws(() => access.bytes, { code: 'EBADF', operation: 'bytes' })
  assert.throws(() => access.zeroCopy, { code: 'EBADF' })
  assert.equal(access.access, 'write')
})

test('CpuAccess whose view could not be made still ends', () => {
  const open = (): never => {
    throw new Error('no view')
  }
  const { access, exporter } = accessOf(16, { open })
  assert.throws(() => access.bytes, { message: 'no view' })
  access.end()
  assert.deepEqual(exporter.calls, ['open bracket write 16', 'end to-device', 'release'])
})

test('openView of no bytes needs no exporter', () => {
  const { access, exporter, object } = accessOf(0)
  assert.equal(access.bytes.length, 0)
  assert.equal(access.zeroCopy, true)
  openView(object, 'read', 'loan', 0).end()
  assert.deepEqual(exporter.calls, [])
  assert.equal(openView(object, 'read', 'loan', 1).bytes.length, 1)
  access.end()
})

test('CpuAccess.end reports what the exporter says, now or later, and what its view says [CPU-6, PORT-4]', async () => {
  using warnings = collectWarnings()
  const broken = (): never => {
    throw new Error('broken')
  }
  const later = (): unknown => Promise.reject(new Error('later'))
  for (const end of [broken, later]) {
    const { access, exporter } = accessOf(16, { end })
    access.end()
    assert.equal(exporter.released, true)
    await Promise.resolve()
  }
  assert.deepEqual(warnings.rules, ['PORT-4', 'PORT-4'])
  const { access, exporter } = accessOf()
  exporter.openView = () => ({ bytes: new Uint8Array(16), zeroCopy: true, end: broken })
  assert.equal(access.bytes.length, 16)
  access.end()
  assert.deepEqual(exporter.calls, ['end to-device', 'release'])
  assert.equal(warnings.rules.length, 3)
})

test('CpuAccess of an exporter without views fails with EINVAL when it is looked at, and ends well', () => {
  const exporter = new FakeExporter(16)
  const ops = { map: () => assert.fail(), unmap() {}, release: () => void exporter.release() }
  const info = { exporterName: 'opaque', lengthBytes: 16, ops, state: exporter }
  const access = new CpuAccess(new BufferObject(info), 'read')
  assert.throws(() => access.bytes, { code: 'EINVAL', message: /opaque has no view for the CPU/ })
  access.end()
  assert.deepEqual(exporter.calls, ['release'])
})

test('CpuAccess with debug.staleAccess names the buffer whose bytes were used after the end [PROP-8]', () => {
  using warnings = collectWarnings()
  using _debug = setDebug({ staleAccess: 'report' })
  const { access, exporter } = accessOf()
  const { bytes } = access
  bytes[0] = 5
  access.end()
  assert.equal(exporter.memory[0], 5)
  assert.deepEqual(warnings.rules, [])
  assert.equal(typeof bytes.length, 'number')
  assert.deepEqual(warnings.rules, ['PROP-8'])
  assert.match(warnings.list[0]!.message, /Bytes of buffer \d+ were used/)
})

test('CpuAccess of an exporter whose view is a promise fails with TypeError, and the rejection is reported [PORT-4]', async () => {
  using warnings = collectWarnings()
  const { access, exporter } = accessOf()
  const later = (): unknown => Promise.reject(new Error('later'))
  Object.assign(exporter, { openView: later })
  assert.throws(() => access.bytes, {
    name: 'TypeError',
    message: 'openView of fake must return a view',
  })
  access.end()
  await Promise.resolve()
  assert.deepEqual(exporter.calls, ['end to-device', 'release'])
  assert.deepEqual(warnings.rules, ['PORT-4'])
})
