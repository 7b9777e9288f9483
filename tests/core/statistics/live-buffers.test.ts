// Goal: all buffers can be walked while they come and go.
// Method: buffers of a fake exporter, closed and made in the middle of a walk.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DmaBuf } from '#src/core/buffer/buffer.js'
import { liveBuffers } from '#src/core/statistics/live-buffers.js'
import { fakeBuffer } from '../../helpers/fake-exporter.js'

test('liveBuffers walks from the newest to the oldest [STAT-5, BUF-13]', () => {
  const buffers = Array.from({ length: 3 }, () => fakeBuffer().buffer)
  const inodes = buffers.map(({ inode }) => inode)
  assert.deepEqual(
    Array.from(liveBuffers(), ({ inode }) => inode),
    inodes.reverse(),
  )
  for (const buffer of buffers) buffer.close()
  assert.deepEqual([...liveBuffers()], [])
})

test('A handle of the walk keeps its buffer until the next step, and is closed then [STAT-5]', () => {
  const { buffer, exporter } = fakeBuffer()
  let seen: DmaBuf | undefined = undefined
  for (const handle of liveBuffers()) {
    seen = handle
    buffer.close()
    assert.equal(exporter.released, false)
    assert.equal(handle.lengthBytes, 16)
  }
  assert.equal(seen!.closed, true)
  assert.equal(exporter.released, true)
})

test('A walk that is left early holds nothing [STAT-5]', () => {
  const { buffer, exporter } = fakeBuffer()
  for (const _handle of liveBuffers()) break
  buffer.close()
  assert.equal(exporter.released, true)
})

test('Buffers that end during the walk are skipped, those made during it are no harm [STAT-5]', () => {
  const old = fakeBuffer().buffer
  const { buffer: young } = fakeBuffer()
  const seen: bigint[] = []
  const made: DmaBuf[] = []
  for (const { inode } of liveBuffers()) {
    seen.push(inode)
    if (!old.closed) old.close()
    made.push(fakeBuffer().buffer)
  }
  assert.deepEqual(seen, [young.inode])
  for (const buffer of [young, ...made]) buffer.close()
})
