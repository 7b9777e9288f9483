// Goal: no argument of an ioctl can make the kernel write where it must not.
// Method: FIONREAD of a pipe, which writes an int, and requests of the wrong size.
import assert from 'node:assert/strict'
import { writeSync } from 'node:fs'
import { test } from 'node:test'
import { native, ONLY_IF_READY } from '#src/linux/native.js'
import { countResources, settled } from '../../helpers/leaks.js'

/** Bytes that can be read, into an int. It names no size. */
const FIONREAD = 0x541b
/** _IOR('z', 1, 8 bytes) */
const EIGHT_BYTES = 0x80087a01
const EINVAL = -22
const ENOTTY = -25

function withPipe(use: (fd: number) => void): void {
  const into = new Int32Array(2)
  assert.equal(native().pipe(into), 0)
  try {
    writeSync(into[1]!, 'hello')
    use(into[0]!)
  } finally {
    for (const fd of into) native().close(fd)
  }
}

test('ioctl gives the argument to the driver, and what it wrote back', () => {
  withPipe((fd) => {
    const bytes = new Uint8Array(4)
    assert.equal(native().ioctl(fd, FIONREAD, bytes), 0)
    assert.equal(bytes[0], 5)
  })
})

test('ioctlOnThread does the same, and holds no descriptor afterwards', async () => {
  const before = countResources()
  const into = new Int32Array(2)
  assert.equal(native().pipe(into), 0)
  writeSync(into[1]!, 'hello')
  const bytes = new Uint8Array(4)
  const call = native().ioctlOnThread(into[0]!, FIONREAD, bytes)
  // Its own descriptor: closing ours takes nothing from it.
  for (const fd of into) native().close(fd)
  assert.equal(await call, 0)
  assert.equal(bytes[0], 5)
  await settled()
  assert.deepEqual(countResources(), before)
})

test('ioctl refuses an argument that is shorter than its request says', () => {
  withPipe((fd) => {
    assert.equal(native().ioctl(fd, EIGHT_BYTES, new Uint8Array(7)), EINVAL)
    assert.equal(native().ioctl(fd, EIGHT_BYTES, new Uint8Array(8)), ENOTTY)
    assert.equal(native().ioctl(fd, EIGHT_BYTES, new Uint8Array(9)), ENOTTY)
    assert.equal(native().ioctlOnThread(fd, EIGHT_BYTES, new Uint8Array(7)), EINVAL)
  })
})

test('ioctl takes no integer for the address of an argument', () => {
  withPipe((fd) => {
    assert.equal(native().ioctl(fd, EIGHT_BYTES, 4096), EINVAL)
    assert.equal(native().ioctl(fd, EIGHT_BYTES), EINVAL)
    assert.equal(native().ioctl(fd, EIGHT_BYTES, -1), EINVAL)
  })
})

test('ioctl stores addresses only within the argument, and only of arrays', () => {
  withPipe((fd) => {
    const target = new Uint8Array(16)
    const call = (...addresses: (number | Uint8Array)[]): number =>
      native().ioctl(fd, EIGHT_BYTES, new Uint8Array(24), addresses)
    assert.equal(call(16, target), ENOTTY)
    assert.equal(call(17, target), EINVAL)
    assert.equal(call(-1, target), EINVAL)
    assert.equal(call(8), EINVAL)
    assert.equal(call(8, 5), EINVAL)
    assert.equal(call(target, 8), EINVAL)
    const bytes = new Uint8Array(24)
    assert.equal(native().ioctl(fd, EIGHT_BYTES, bytes, [8, target, 16, target]), ENOTTY)
    assert.deepEqual(bytes.subarray(8, 16), bytes.subarray(16, 24))
    assert.deepEqual([...bytes.subarray(0, 8)], [0, 0, 0, 0, 0, 0, 0, 0])
    assert.notDeepEqual([...bytes.subarray(8, 16)], [0, 0, 0, 0, 0, 0, 0, 0])
  })
})

test('sync that is not to wait calls a driver only where a reader, or a writer, has nobody in the way', () => {
  withPipe((fd) => {
    const READ = 1
    const WRITE = 2
    const { sync } = native()
    assert.equal(sync(fd * 16 + ONLY_IF_READY + READ), ENOTTY)
    for (const flags of [WRITE, READ | WRITE])
      assert.equal(sync(fd * 16 + ONLY_IF_READY + flags), -11)
    for (const flags of [READ, WRITE, READ | WRITE]) assert.equal(sync(fd * 16 + flags), ENOTTY)
  })
})

test('sync takes no number for a descriptor that is none', () => {
  const EBADF = -9
  for (const call of [-1, -16, 2 ** 35, 2 ** 53, (2 ** 31 - 1) * 16, Infinity, NaN])
    assert.equal(native().sync(call), EBADF, String(call))
  for (const call of [undefined, '16', {}]) assert.equal(native().sync(call as never), -22)
})
