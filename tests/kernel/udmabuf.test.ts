// Goal: memory that was reserved and never touched is zero in a buffer, and keeps what is written there.
// Method: Linux 6.12 would clear such pages when the memfd is mapped, after the buffer was written to. Huge pages
// that are not there are asked for by the bare ioctl.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { createMemfd, HUGE_PAGE_BYTES } from '#src/linux/memfd.js'
import { MapMode, Mapping } from '#src/linux/mapping.js'
import { native } from '#src/linux/native.js'
import { OwnedFd } from '#src/linux/owned-fd.js'
import { createUdmabuf } from '#src/linux/udmabuf.js'
import { O_RDWR } from '#src/uapi/file.js'
import { encodeUdmabufCreateList, UDMABUF_CREATE_LIST } from '#src/uapi/udmabuf.js'
import { openFds, settled } from '../helpers/leaks.js'

const PAGES = 16
const LENGTH_BYTES = PAGES * 4096
const [MFD_ALLOW_SEALING, MFD_HUGETLB, F_SEAL_SHRINK] = [2, 4, 2]

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

void test('Huge pages that the machine has not are ENOMEM, and nothing stays behind [UDM-8, UDM-15]', async () => {
  const pool = '/proc/sys/vm/nr_hugepages'
  const before = readFileSync(pool, 'utf8')
  writeFileSync(pool, '0')
  await settled()
  const open = openFds().length
  try {
    using memory = OwnedFd.adopt(native().memfd('huge', MFD_ALLOW_SEALING | MFD_HUGETLB))
    native().truncate(memory.number, HUGE_PAGE_BYTES)
    native().addSeals(memory.number, F_SEAL_SHRINK)
    using node = OwnedFd.adopt(native().openFile('/dev/udmabuf', O_RDWR))
    const whole = { memfd: memory.number, offsetBytes: 0n, lengthBytes: BigInt(HUGE_PAGE_BYTES) }
    const list = encodeUdmabufCreateList({ flags: 1, items: [whole] })
    assert.equal(native().ioctl(node.number, UDMABUF_CREATE_LIST, list), -12)
    assert.throws(() => createUdmabuf([{ memory }]), { code: 'ENOMEM' })
  } finally {
    writeFileSync(pool, before)
  }
  await settled()
  assert.equal(openFds().length, open)
})
