// Goal: the memory is the program's between begin and end, and not a moment longer.
// Method: a fake exporter whose bracket views die at their end.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CpuAccess, openView } from '#src/core/buffer/cpu-access.js'
import { BufferObject } from '#src/core/buffer/buffer-object.js'
import { FakeExporter, type FakeOptions } from '../../helpers/fake-exporter.js'

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
