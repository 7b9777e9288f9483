// Goal: a buffer is found by its number as long as it is there, and whoever found it keeps it.
// Method: buffers of fake exporters, looked up before and after close().
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bufferObject } from '#src/core/buffer/buffer.js'
import { findBuffer } from '#src/core/buffer/find-buffer.js'
import { BufferRig } from '../../helpers/buffer-rig.js'

test('findBuffer gives another handle on the buffer of an inode [BUF-12, BUF-18]', () => {
  using rig = new BufferRig()
  const found = findBuffer(rig.buffer.inode)
  assert.ok(found)
  assert.equal(bufferObject(found, 'test'), rig.object)
  assert.equal(rig.extra, 1)
  rig.buffer.close()
  assert.equal(rig.released, false)
  found.close()
  assert.equal(findBuffer(rig.object.inode), undefined)
})
