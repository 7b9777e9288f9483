// Goal: a descriptor is closed once, by whoever owns it, and by nobody else.
// Method: memfds of our own; whether one is open is asked of the kernel, not of the class.
import assert from 'node:assert/strict'
import { fstatSync } from 'node:fs'
import { test } from 'node:test'
import { onWarning, type Warning } from '#src/core/warn.js'
import { native } from '#src/linux/native.js'
import { OwnedFd } from '#src/linux/owned-fd.js'
import { runFixture } from '../helpers/fixture.js'
import { countResources, settled, until } from '../helpers/leaks.js'

const EBADF = { name: 'DmaBufError', code: 'EBADF', errno: -9 }

function openMemfd(): number {
  const fd = native().memfd('dmabuf:owned', 0)
  assert.ok(fd > 2)
  return fd
}

function isOpen(fd: number): boolean {
  try {
    fstatSync(fd)
    return true
  } catch {
    return false
  }
}

test('OwnedFd.adopt takes integers from 0 only', () => {
  for (const wrong of [-1, 1.5, NaN, Infinity, '3', undefined, null])
    assert.throws(() => OwnedFd.adopt(wrong as number), RangeError)
  const zero = OwnedFd.adopt(0)
  assert.equal(zero.number, 0)
  assert.equal(zero.release(), 0)
})

test('OwnedFd.close closes the descriptor, and the second time nothing', () => {
  const number = openMemfd()
  const fd = OwnedFd.adopt(number)
  assert.equal(fd.closed, false)
  fd.close()
  assert.equal(isOpen(number), false)
  // The kernel gives the lowest number again: a second close() would close this one.
  const other = openMemfd()
  assert.equal(other, number)
  fd.close()
  fd[Symbol.dispose]()
  assert.equal(isOpen(other), true)
  native().close(other)
})

test('OwnedFd fails with EBADF after close(), in every method', () => {
  const fd = OwnedFd.adopt(openMemfd())
  fd.close()
  assert.equal(fd.closed, true)
  assert.throws(() => fd.number, EBADF)
  assert.throws(() => fd.dup(), EBADF)
  assert.throws(() => fd.release(), EBADF)
})

test('OwnedFd.release gives the number away, open, and empties the handle', () => {
  const number = openMemfd()
  const fd = OwnedFd.adopt(number)
  assert.equal(fd.release(), number)
  assert.equal(fd.closed, true)
  assert.throws(() => fd.number, EBADF)
  fd.close()
  assert.equal(isOpen(number), true)
  native().close(number)
})

test('OwnedFd.dup makes a descriptor of its own on the same open file', () => {
  using first = OwnedFd.adopt(openMemfd())
  using second = first.dup()
  assert.notEqual(second.number, first.number)
  assert.equal(fstatSync(second.number).ino, fstatSync(first.number).ino)
  const { number } = second
  first.close()
  assert.equal(isOpen(number), true)
})

test('OwnedFd.dup fails with EBADF for a number that is not open, and says how many are at EMFILE', async () => {
  const fd = openMemfd()
  native().close(fd)
  const stale = OwnedFd.adopt(fd)
  assert.throws(() => stale.dup(), EBADF)
  stale.close()
  const { stdout, code, stderr } = await runFixture('many-fds.js', ['dup'], { maxFiles: 128 })
  assert.equal(code, 0, stderr)
  assert.match(stdout, /^EMFILE: .*too many open files.*ulimit -n/)
})

test('OwnedFd that is collected open is reported with the stack that made it, and stays open', async () => {
  const warnings: Warning[] = []
  using _hook = onWarning((warning) => warnings.push(warning))
  const number = openMemfd()
  const forget = function whereItWasMade(): void {
    OwnedFd.adopt(number)
  }
  forget()
  await settled()
  await until(
    () => warnings.length > 0,
    () => 'No warning came',
  )
  const [warning] = warnings
  assert.equal(warnings.length, 1)
  assert.equal(warning?.rule, 'DMABUF_LEAK')
  assert.match(warning?.message ?? '', new RegExp(`File descriptor ${number} .*close`))
  assert.match(warning?.stack ?? '', /whereItWasMade/)
  assert.equal(isOpen(number), true)
  native().close(number)
})

test('OwnedFd that was closed or released is collected in silence', async () => {
  const warnings: Warning[] = []
  using _hook = onWarning((warning) => warnings.push(warning))
  const before = countResources()
  for (let i = 0; i < 20; i++) {
    OwnedFd.adopt(openMemfd()).close()
    native().close(OwnedFd.adopt(openMemfd()).release())
  }
  await settled()
  await settled()
  assert.deepEqual(warnings, [])
  assert.deepEqual(countResources(), before)
})
