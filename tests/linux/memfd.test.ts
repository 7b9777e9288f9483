// Goal: memory that we give away cannot be cut short, and memory that we are given cannot either.
// Method: real memfds; what a seal forbids is tried on the descriptor itself.
import assert from 'node:assert/strict'
import { fstatSync, ftruncateSync, openSync, readFileSync } from 'node:fs'
import { totalmem } from 'node:os'
import { test } from 'node:test'
import {
  checkReceivedMemory,
  createMemfd,
  HUGE_PAGE_BYTES,
  PAGE_BYTES,
  roundUpToPages,
  sealForReaders,
  sealSeals,
  inodeOf,
  statFd,
} from '#src/linux/memfd.js'
import { MapMode, Mapping } from '#src/linux/mapping.js'
import { native } from '#src/linux/native.js'
import { OwnedFd } from '#src/linux/owned-fd.js'
import { countResources } from '../helpers/leaks.js'

const SEAL_SEAL = 1
const SEAL_SHRINK = 2
const SEAL_GROW = 4
const SEAL_FUTURE_WRITE = 16

function sealsOf(fd: OwnedFd): number {
  return native().getSeals(fd.number) & (SEAL_SEAL | SEAL_SHRINK | SEAL_GROW | SEAL_FUTURE_WRITE)
}

/** As a peer makes one who does not seal. */
function unsealedMemfd(lengthBytes: number, flags = 2): OwnedFd {
  const fd = OwnedFd.adopt(native().memfd('dmabuf:unsealed', flags))
  assert.equal(native().truncate(fd.number, lengthBytes), 0)
  return fd
}

test('createMemfd makes one of that length, reserved, sealed against shrinking and growing', () => {
  using fd = createMemfd('frame', 3 * PAGE_BYTES)
  const { size, blocks } = fstatSync(fd.number)
  assert.equal(size, 3 * PAGE_BYTES)
  assert.equal(blocks * 512, 3 * PAGE_BYTES)
  assert.equal(sealsOf(fd), SEAL_SHRINK | SEAL_GROW)
})

test('createMemfd makes a file that nobody can cut or lengthen', () => {
  using fd = createMemfd('frame', 2 * PAGE_BYTES)
  assert.throws(() => {
    ftruncateSync(fd.number, PAGE_BYTES)
  }, /EPERM/)
  assert.throws(() => {
    ftruncateSync(fd.number, 3 * PAGE_BYTES)
  }, /EPERM/)
  ftruncateSync(fd.number, 2 * PAGE_BYTES)
})

test('createMemfd closes on exec', () => {
  const O_CLOEXEC = 0o2000000
  using fd = createMemfd('frame', PAGE_BYTES)
  const info = readFileSync(`/proc/self/fdinfo/${fd.number}`, 'utf8')
  const flags = parseInt(/^flags:\s*(\d+)/m.exec(info)?.[1] ?? '0', 8)
  assert.notEqual(flags & O_CLOEXEC, 0)
})

test('createMemfd refuses more than the machine has, before it reserves any', () => {
  const before = countResources()
  for (const lengthBytes of [2 ** 50, roundUpToPages(totalmem() + 1)]) {
    assert.throws(() => createMemfd('huge', lengthBytes), {
      code: 'ENOMEM',
      message: new RegExp(`Cannot reserve ${lengthBytes} bytes: this machine has ${totalmem()}`),
    })
  }
  assert.deepEqual(countResources(), before)
})

test('createMemfd closes what it made where a step fails', () => {
  const before = countResources()
  assert.throws(() => createMemfd('zero', 0), { code: 'EINVAL', message: /Cannot reserve 0 bytes/ })
  assert.deepEqual(countResources(), before)
})

test('createMemfd takes names of up to 242 bytes', () => {
  createMemfd('n'.repeat(242), PAGE_BYTES).close()
  assert.throws(() => createMemfd('n'.repeat(243), PAGE_BYTES), { code: 'ENAMETOOLONG' })
})

test('createMemfd with huge pages gives whole ones, or says what to raise', (t) => {
  try {
    using fd = createMemfd('huge', HUGE_PAGE_BYTES, { hugePages: true })
    assert.equal(statFd(fd).lengthBytes, HUGE_PAGE_BYTES)
  } catch (error) {
    assert.match(String(error), /huge pages: raise vm\.nr_hugepages/)
    t.diagnostic('This machine has no huge pages to give: looked at the error only')
  }
})

test('sealForReaders lets nobody map it for writing any more, and nobody seal it further', () => {
  using fd = createMemfd('page', PAGE_BYTES)
  using mine = new Mapping(fd, PAGE_BYTES, MapMode.shared)
  sealForReaders(fd)
  assert.throws(() => new Mapping(fd, PAGE_BYTES, MapMode.shared), { code: 'EPERM' })
  using theirs = new Mapping(fd, PAGE_BYTES, MapMode.readOnly)
  mine.words().store(3, 77)
  assert.equal(theirs.words().load(3), 77)
  assert.equal(native().addSeals(fd.number, SEAL_SHRINK), -1)
  assert.throws(() => {
    sealForReaders(fd)
  }, /EPERM/)
})

test('sealSeals keeps others from freezing the memory', () => {
  using fd = createMemfd('frame', PAGE_BYTES)
  sealSeals(fd)
  assert.equal(native().addSeals(fd.number, SEAL_FUTURE_WRITE), -1)
  new Mapping(fd, PAGE_BYTES, MapMode.shared).close()
})

test('statFd tells length and inode, as the kernel does', () => {
  using fd = createMemfd('frame', 5 * PAGE_BYTES)
  const { size, ino } = fstatSync(fd.number, { bigint: true })
  assert.deepEqual(statFd(fd), { lengthBytes: Number(size), inode: ino })
})

test('inodeOf puts two words together, whatever their highest bits are', () => {
  const inodes = [0n, 1n, 0x7fffffffn, 0x80000000n, 0xffffffffn, 1n << 32n, (1n << 64n) - 1n]
  const words = (inode: bigint): Int32Array => new Int32Array(BigUint64Array.of(inode).buffer)
  assert.deepEqual(
    inodes.map((inode) => inodeOf(words(inode))),
    inodes,
  )
})

test('checkReceivedMemory takes memory of at least the length claimed', () => {
  using fd = createMemfd('frame', PAGE_BYTES)
  checkReceivedMemory(fd, 1, 'a page')
  checkReceivedMemory(fd, PAGE_BYTES, 'a page')
  assert.throws(() => checkReceivedMemory(fd, PAGE_BYTES + 1, 'a page'), {
    code: 'EPROTO',
    message: /a page of 4096 bytes, too small for 4097/,
  })
})

test('checkReceivedMemory refuses memory that its owner could still cut', () => {
  using fd = unsealedMemfd(PAGE_BYTES)
  const expected = { code: 'EPROTO', message: /a frame that is not sealed against shrinking/ }
  assert.throws(() => checkReceivedMemory(fd, PAGE_BYTES, 'a frame'), expected)
  assert.equal(native().addSeals(fd.number, SEAL_GROW), 0)
  assert.throws(() => checkReceivedMemory(fd, PAGE_BYTES, 'a frame'), expected)
  assert.equal(native().addSeals(fd.number, SEAL_SHRINK), 0)
  checkReceivedMemory(fd, PAGE_BYTES, 'a frame')
})

test('checkReceivedMemory refuses what is no memory', () => {
  const pair = new Int32Array(2)
  assert.equal(native().socketPair(pair), 0)
  const strangers = [openSync('/dev/null', 'r'), openSync('/proc/self/exe', 'r'), ...pair]
  for (const number of strangers) {
    using fd = OwnedFd.adopt(number)
    assert.throws(() => checkReceivedMemory(fd, 1, 'a frame'), {
      code: 'EPROTO',
      message: /no memory as a frame/,
    })
  }
})

test('roundUpToPages goes up to the next page, and leaves whole ones alone', () => {
  assert.deepEqual(
    [1, 4095, 4096, 4097].map((length) => roundUpToPages(length)),
    [4096, 4096, 4096, 8192],
  )
  assert.equal(roundUpToPages(1, HUGE_PAGE_BYTES), HUGE_PAGE_BYTES)
  assert.equal(roundUpToPages(2 ** 40 + 1), 2 ** 40 + PAGE_BYTES)
})
