// Goal: what the kernel says of a sync file is read whole, or refused in one line.
// Method: descriptors of other kinds, and pipes whose ioctls the test answers.
import assert from 'node:assert/strict'
import { openSync } from 'node:fs'
import { test } from 'node:test'
import { native } from '#src/linux/native.js'
import { OwnedFd } from '#src/linux/owned-fd.js'
import {
  isSyncFileOver,
  mergeSyncFiles,
  readSyncFile,
  readSyncFileStatus,
  setSyncFileDeadline,
} from '#src/linux/sync-file-calls.js'
import { thrownCode } from '../helpers/error-code.js'
import { FakeSyncFiles, PENDING } from '../helpers/fake-sync-files.js'

test('readSyncFile refuses descriptors of another kind with EINVAL, closed ones with EBADF [SF-3]', () => {
  using node = OwnedFd.adopt(openSync('/dev/null', 'r+'))
  using memory = OwnedFd.adopt(native().memfd('dmabuf:test', 0))
  for (const fd of [node, memory]) {
    assert.throws(
      () => readSyncFile(fd),
      /EINVAL: The descriptor is no sync file: it answers ENOTTY$/,
    )
    assert.equal(
      thrownCode(() => readSyncFileStatus(fd)),
      'EINVAL',
    )
    assert.equal(
      thrownCode(() => mergeSyncFiles(fd, fd, '')),
      'ENOTTY',
    )
  }
  node.close()
  assert.equal(
    thrownCode(() => readSyncFile(node)),
    'EBADF',
  )
  // Open for us, closed by its number for the kernel.
  const number = native().memfd('dmabuf:test', 0)
  const gone = OwnedFd.adopt(number)
  native().close(number)
  assert.equal(
    thrownCode(() => readSyncFile(gone)),
    'EBADF',
  )
  gone.close()
})

test('readSyncFile reads all fences, none included [SF-13, SF-15]', () => {
  using files = new FakeSyncFiles()
  const { fd, file } = files.make([{ driverName: 'a' }, { driverName: 'b', status: -5 }], 'two')
  using _fd = fd
  assert.deepEqual(readSyncFile(fd), {
    name: 'two',
    status: 0,
    fences: [
      { ...PENDING, driverName: 'a' },
      { ...PENDING, driverName: 'b', status: -5 },
    ],
  })
  file.fences = []
  assert.deepEqual(readSyncFile(fd), { name: 'two', status: 1, fences: [] })
})

test('readSyncFile asks again where there are more fences by then, and leaves out what has gone [SF-14]', () => {
  using files = new FakeSyncFiles()
  const { fd } = files.make([{}, {}])
  using _fd = fd
  let calls = 0
  files.onFileInfo = (changed) => {
    if (++calls === 3) changed.fences = [PENDING, PENDING, PENDING]
    if (calls === 5) changed.fences = [PENDING]
  }
  assert.equal(readSyncFile(fd).fences.length, 1)
  assert.equal(calls, 5)
})

test('readSyncFile of one fence is one call, and says how that stands [SF-18]', () => {
  using files = new FakeSyncFiles()
  const { fd } = files.make([{ status: -5, timestampNs: 7n }], 'one')
  using _fd = fd
  let calls = 0
  files.onFileInfo = () => {
    calls++
  }
  const fences = [{ ...PENDING, status: -5, timestampNs: 7n }]
  assert.deepEqual(readSyncFile(fd), { name: 'one', status: -5, fences })
  assert.equal(calls, 1)
})

test('isSyncFileOver believes a signalled fence, and nothing else [SF-18]', () => {
  using files = new FakeSyncFiles()
  const { fd, file } = files.make()
  using _fd = fd
  assert.equal(isSyncFileOver(fd.number), false)
  file.signal()
  assert.equal(isSyncFileOver(fd.number), true)
  file.fences = []
  assert.equal(isSyncFileOver(fd.number), true)
  file.fences = [{ ...PENDING, status: -5 }]
  assert.equal(isSyncFileOver(fd.number), false)
  // An array that signalled before one of its fences was found to have failed.
  file.fences = [PENDING, PENDING].map((fence) => ({ ...fence, status: -5 }))
  file.status = 1
  assert.equal(isSyncFileOver(fd.number), false)
  using memory = OwnedFd.adopt(native().memfd('dmabuf:test', 0))
  assert.equal(isSyncFileOver(memory.number), false)
})

test('readSyncFile gives up with EAGAIN where the number never stays, and where it is absurd', () => {
  using files = new FakeSyncFiles()
  const { fd, file } = files.make()
  using _fd = fd
  let calls = 0
  files.onFileInfo = ({ fences }) => {
    calls++
    fences.push(PENDING)
  }
  assert.equal(
    thrownCode(() => readSyncFile(fd)),
    'EAGAIN',
  )
  assert.ok(calls <= 20, String(calls))
  files.onFileInfo = () => {}
  file.fences = Array.from({ length: 65_537 }, () => PENDING)
  assert.equal(
    thrownCode(() => readSyncFile(fd)),
    'EAGAIN',
  )
})

test('setSyncFileDeadline sends times of the future, and now for all others [SF-20]', () => {
  using files = new FakeSyncFiles()
  const { fd, file } = files.make()
  using _fd = fd
  for (const time of [0, -5, NaN, 1.5, 2 ** 52, Infinity]) setSyncFileDeadline(fd, time)
  assert.deepEqual(file.deadlines, [0n, 0n, 0n, 1n, 2n ** 52n, 2n ** 63n - 1n])
  files.deadlineResult = -25
  setSyncFileDeadline(fd, 1)
})
