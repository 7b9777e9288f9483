// Goal: inode numbers begin at 1, since 0 is no inode.
// Method: a file of its own, so that no other test has made a buffer before.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeBuffer } from '../../helpers/fake-exporter.js'

test('The first buffer of a program has inode 1, the next ones 2 and 3, whatever is closed [BUF-12]', () => {
  const inodes: bigint[] = []
  for (let count = 0; count < 3; count++) {
    const { buffer } = fakeBuffer()
    inodes.push(buffer.inode)
    buffer.close()
  }
  assert.deepEqual(inodes, [1n, 2n, 3n])
})
