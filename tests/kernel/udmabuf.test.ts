// Goal: memory that was reserved and never touched is zero in a buffer, and keeps what is written there.
// Method: Linux 6.12 would clear such pages when the memfd is mapped, after the buffer was written to.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemfd } from '#src/linux/memfd.js'
import { MapMode, Mapping } from '#src/linux/mapping.js'
import { createUdmabuf } from '#src/linux/udmabuf.js'

const PAGES = 16
const LENGTH_BYTES = PAGES * 4096

void test('What is written to a buffer of reserved memory stays when the memfd is mapped [UDM-8, UDM-11]', async () => {
  using memory = createMemfd('reserved', LENGTH_BYTES)
  using buffer = createUdmabuf([{ memory }])
  {
    using access = await buffer.beginCpuAccess('readwrite')
    assert.ok(
      access.bytes.every((byte) => byte === 0),
      'not zero at first',
    )
    access.bytes.fill(42)
  }
  using mapping = new Mapping(memory, LENGTH_BYTES, MapMode.shared)
  const view = mapping.openView('read', 'bracket', LENGTH_BYTES)
  assert.ok(
    view.bytes.every((byte) => byte === 42),
    'cleared by the mapping',
  )
  view.end()
})
