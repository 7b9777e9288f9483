// Goal: an error says errno, call and rule, and is known across copies of the package.
// Method: makes errors, and objects that look like them.
import assert from 'node:assert/strict'
import { constants } from 'node:os'
import { test } from 'node:test'
import { bug, DmaBufError, errnoName, errnoNumber } from '#src/core/errors.js'

const NAMES = [
  ...['EPERM', 'ENOENT', 'EINTR', 'EBADF', 'EAGAIN', 'ENOMEM', 'EACCES', 'EBUSY', 'EEXIST'],
  ...['ENODEV', 'EINVAL', 'ENFILE', 'EMFILE', 'ENOSPC', 'EPIPE', 'ENAMETOOLONG', 'EPROTO'],
  ...['ENOTSOCK', 'EPROTOTYPE', 'EMSGSIZE', 'EADDRINUSE', 'ECONNRESET', 'ETIMEDOUT'],
  ...['ECONNREFUSED'],
]

test('DmaBufError says code, errno, operation, rule and details', () => {
  const cause = new Error('below')
  const options = { rule: 'BUF-17', details: { pid: 5 }, cause }
  const error = new DmaBufError('EBADF', 'dup', 'Buffer handle is closed', options)
  assert.ok(error instanceof Error)
  assert.equal(error.name, 'DmaBufError')
  assert.equal(error.message, 'EBADF: Buffer handle is closed')
  assert.equal(error.errno, -9)
  assert.equal(error.operation, 'dup')
  assert.equal(error.rule, 'BUF-17')
  assert.deepEqual(error.details, { pid: 5 })
  assert.equal(error.cause, cause)
})

test('DmaBufError has neither cause nor rule where none is given, and empty details', () => {
  const error = new DmaBufError('EBUSY', 'close', 'Busy')
  assert.equal('cause' in error, false)
  assert.equal(error.rule, undefined)
  assert.deepEqual(error.details, {})
  assert.equal('cause' in new DmaBufError('EBUSY', 'close', 'Busy', { cause: undefined }), true)
})

test('A code of this package has no errno', () => {
  const error = new DmaBufError('ERR_DMABUF_NATIVE_UNAVAILABLE', 'load', 'No addon')
  assert.equal(error.errno, undefined)
})

test('DmaBufError.is knows the errors of another copy of the package', () => {
  const foreign = Object.assign(new Error('x'), { code: 'EBUSY' })
  assert.equal(DmaBufError.is(foreign), false)
  Object.defineProperty(foreign, Symbol.for('dmabuf.error'), { value: true })
  assert.equal(DmaBufError.is(foreign), true)
  assert.equal(DmaBufError.is(foreign, 'EBUSY'), true)
  assert.equal(DmaBufError.is(foreign, 'EBADF'), false)
})

test('DmaBufError.is says no to everything else', () => {
  for (const value of [undefined, null, 'EBADF', 9, {}, new Error('EBADF'), () => {}])
    assert.equal(DmaBufError.is(value), false)
  assert.equal(DmaBufError.is(new DmaBufError('EBADF', 'dup', 'Closed')), true)
})

test(
  "errnoName and errnoNumber have this system's numbers",
  { skip: process.platform !== 'linux' },
  () => {
    const numbers = new Map<string, number>(Object.entries(constants.errno))
    for (const name of NAMES) {
      assert.equal(errnoNumber(name), numbers.get(name), name)
      assert.equal(errnoName(errnoNumber(name)), name)
    }
    assert.equal(errnoNumber('EOWNERDEAD'), 130)
    assert.equal(errnoName(130), 'EOWNERDEAD')
  },
)

test('errnoName spells a number without a name, errnoNumber reads it back', () => {
  for (const number of [6, 4000, 4095]) {
    assert.equal(errnoNumber(errnoName(number)), number)
    assert.equal(new DmaBufError(errnoName(number), 'x', 'Far away').errno, -number)
  }
})

test('errnoName takes EPROTO for what is no errno number', () => {
  for (const number of [0, -1, -(2 ** 31), 4096, 2 ** 31, NaN])
    assert.equal(errnoName(number), 'EPROTO', String(number))
})

test('errnoNumber takes EPROTO for a name without a number', () => {
  assert.equal(errnoName(4000), 'E4000')
  for (const name of ['E0', 'E4096', 'E05', 'E1x', 'E-5']) assert.equal(errnoNumber(name), 71, name)
  assert.equal(errnoNumber('ERR_DMABUF_NATIVE_UNAVAILABLE'), 71)
})

test('bug throws ERR_DMABUF_BUG with the rule that was broken [C-2]', () => {
  assert.throws(() => bug('RESV-11', 'add', 'No slot was reserved'), {
    name: 'DmaBufError',
    code: 'ERR_DMABUF_BUG',
    rule: 'RESV-11',
    operation: 'add',
    errno: undefined,
  })
})
