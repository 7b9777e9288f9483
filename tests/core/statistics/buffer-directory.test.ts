// Goal: the directory of buffers has two files for each, as long as it lives, and no longer.
// Method: buffers of a fake exporter that looks at the directory while it releases.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BufferDirectory, type BufferFact } from '#src/core/statistics/buffer-directory.js'
import { fakeBuffer } from '../../helpers/fake-exporter.js'

test('A buffer has its exporter and its size, each a line [STAT-1]', () => {
  using directory = new BufferDirectory()
  using buffer = fakeBuffer(5000).buffer
  assert.deepEqual(directory.list(), [buffer.inode])
  assert.equal(directory.open(buffer.inode, 'exporter_name')(), 'fake\n')
  assert.equal(directory.open(buffer.inode, 'size')(), '5000\n')
})

test('Buffers that were there before are in it, oldest first [STAT-1]', () => {
  using one = fakeBuffer().buffer
  using two = fakeBuffer().buffer
  using directory = new BufferDirectory()
  assert.deepEqual(directory.list(), [one.inode, two.inode])
})

test('Nothing else is there, of attachments least of all [STAT-1, STAT-3]', async () => {
  using directory = new BufferDirectory()
  using buffer = fakeBuffer().buffer
  await using _attachment = await buffer.attach({ name: 'gpu0' })
  for (const fact of ['attachments', 'map_counter', 'name', ''] as unknown as BufferFact[])
    assert.throws(() => directory.open(buffer.inode, fact), { code: 'ENOENT' })
  assert.throws(() => directory.open(buffer.inode + 1n, 'size'), { code: 'ENOENT' })
})

test('The entry is gone before the exporter releases, and an open file fails with EIO [STAT-1, STAT-2, BUF-23]', () => {
  using directory = new BufferDirectory()
  const seen: (readonly bigint[])[] = []
  const { buffer, exporter } = fakeBuffer()
  exporter.release = () => seen.push(directory.list())
  const read = directory.open(buffer.inode, 'size')
  buffer.close()
  assert.deepEqual(seen, [[]])
  assert.throws(read, { code: 'EIO', rule: 'STAT-2' })
})

test('Nothing is kept while no directory is open [STAT-4, C-6]', () => {
  const directory = new BufferDirectory()
  using buffer = fakeBuffer().buffer
  directory.close()
  assert.deepEqual(directory.list(), [])
  assert.throws(() => directory.open(buffer.inode, 'size'), { code: 'ENOENT' })
})
