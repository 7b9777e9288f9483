// Goal: what a file does that has none of the operations, by its access mode.
// Method: the smallest file there is, in each of the four access modes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DescriptorTable } from '#src/syscalls/descriptor-table.js'
import { OpenFile } from '#src/syscalls/open-file.js'
import {
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  POLLIN,
  POLLOUT,
  SEEK_END,
} from '#src/uapi/file.js'
import { errorCode, thrownCode } from '../helpers/error-code.js'
import { TestMemory } from '../helpers/user-memory.js'

class PlainFile extends OpenFile {
  releases = 0

  protected override release(): void {
    this.releases++
  }
}

const modes = [
  { name: 'O_RDONLY', flags: O_RDONLY, read: 'EINVAL', write: 'EBADF' },
  { name: 'O_WRONLY', flags: O_WRONLY, read: 'EBADF', write: 'EINVAL' },
  { name: 'O_RDWR', flags: O_RDWR | O_NONBLOCK, read: 'EINVAL', write: 'EINVAL' },
  { name: 'mode 3', flags: 3, read: 'EBADF', write: 'EBADF' },
]
for (const { name, flags, read, write } of modes)
  test(`OpenFile.read and write of ${name} fail by the access mode [BUF-30]`, () => {
    const file = new PlainFile(flags)
    assert.equal(
      thrownCode(() => file.read()),
      read,
    )
    assert.equal(
      thrownCode(() => file.write()),
      write,
    )
    assert.deepEqual([file.isReadable, file.isWritable], [read === 'EINVAL', write === 'EINVAL'])
  })

test('OpenFile.lseek is ESPIPE where a file has no position', () => {
  assert.equal(
    thrownCode(() => new PlainFile(O_RDWR).lseek(0n, SEEK_END)),
    'ESPIPE',
  )
})

test('OpenFile.ioctl knows no command', async () => {
  const caller = { memory: new TestMemory(), table: new DescriptorTable() }
  assert.equal(await errorCode(() => new PlainFile(O_RDWR).ioctl(0x5a00, 0n, caller)), 'ENOTTY')
})

test('OpenFile.poll finds a file ready that cannot tell', () => {
  const file = new PlainFile(O_RDWR)
  assert.equal(file.poll(POLLIN | POLLOUT), POLLIN | POLLOUT)
  file.stopPolling(() => {})
})

test('OpenFile is released once, by the put of its last reference', () => {
  const file = new PlainFile(O_RDWR)
  assert.equal(file.get(), file)
  file.put()
  assert.equal(file.releases, 0)
  file.put()
  assert.equal(file.releases, 1)
})
