// Goal: the last reference releases the memory, and only the last.
// Method: counts by hand over a fake exporter.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BufferObject } from '#src/core/buffer/buffer-object.js'
import { FakeExporter } from '../../helpers/fake-exporter.js'

function objectWith(more: { inode?: bigint; name?: string } = {}) {
  const exporter = new FakeExporter(8)
  const object = new BufferObject({
    exporterName: 'fake',
    lengthBytes: 8,
    ops: exporter,
    state: {},
    ...more,
  })
  return { exporter, object }
}

test('BufferObject.put releases the memory with the last reference [BUF-20, BUF-23]', () => {
  const { exporter, object } = objectWith()
  object.get()
  object.get()
  object.put()
  assert.deepEqual(exporter.calls, [])
  object.put()
  assert.deepEqual(exporter.calls, ['release'])
})

test('BufferObject takes the next inode where the memory has none [BUF-12]', () => {
  const first = objectWith().object.inode
  assert.equal(objectWith({ inode: 5n }).object.inode, 5n)
  assert.equal(objectWith().object.inode, first + 1n)
})

test('BufferObject has no name until it is given one [BUF-10]', () => {
  assert.equal(objectWith().object.name, undefined)
  assert.equal(objectWith({ name: '' }).object.name, '')
})
