// Goal: a creator signals and fails its fence in ways that waiters can trust.
// Method: both calls with all they may be given, and with nothing.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DmaBufError } from '#src/core/errors.js'
import { setFenceError, signalFence, storeFenceError, type Fence } from '#src/core/fence/fence.js'
import { useManualClock } from '../../helpers/manual-clock.js'
import { mockFence } from '../../helpers/mock-fence.js'
import { collectWarnings } from '../../helpers/warnings.js'

const failure = new DmaBufError('EIO', 'render', 'Shader hangs')
const other = new DmaBufError('ENOENT', 'render', 'Shader is gone')

test('signalFence of nothing is EINVAL; of a signalled fence false [FENCE-10]', () => {
  for (const nothing of [undefined, null])
    assert.throws(() => signalFence(nothing as unknown as Fence), { code: 'EINVAL' })
  const fence = mockFence()
  assert.deepEqual([signalFence(fence), signalFence(fence)], [true, false])
})

test('signalFence takes the time it is given, 0 included, and now otherwise [FENCE-10, FENCE-11]', () => {
  using time = useManualClock()
  time.clock.advance(2)
  for (const [given, stored] of [
    [undefined, 5_002_000_000],
    [0, 0],
    [17, 17],
  ]) {
    const fence = mockFence()
    signalFence(fence, undefined, given)
    assert.equal(fence.timestampNs, stored)
  }
})

test('setFenceError is not seen before the signal, and seen by the callbacks then [FENCE-15, FENCE-16]', () => {
  using warnings = collectWarnings()
  const fence = mockFence()
  setFenceError(fence, failure)
  assert.deepEqual([fence.status, fence.error], ['pending', undefined])
  let seen: unknown = undefined
  fence.addCallback(({ status, error }) => (seen = [status, error]))
  signalFence(fence)
  assert.deepEqual(seen, ['error', failure])
  assert.deepEqual(warnings.list, [])
})

test('An error given to signalFence replaces one that was set; giving none keeps it [FENCE-15]', () => {
  const [replaced, kept] = [mockFence(), mockFence()]
  for (const fence of [replaced, kept]) setFenceError(fence, failure)
  signalFence(replaced, other)
  signalFence(kept)
  assert.deepEqual([replaced.error, kept.error], [other, failure])
})

test('signalFence of a signalled fence leaves its error alone [FENCE-10]', () => {
  const fence = mockFence()
  signalFence(fence)
  signalFence(fence, failure)
  assert.equal(fence.error, undefined)
})

test('setFenceError on a signalled fence warns and stores all the same [FENCE-15]', () => {
  using warnings = collectWarnings()
  const fence = mockFence()
  signalFence(fence)
  setFenceError(fence, failure)
  assert.deepEqual(warnings.rules, ['FENCE-15'])
  assert.deepEqual([fence.status, fence.error], ['error', failure])
})

test('An error must have an errno from 1 to 4095: else it warns, and is stored all the same [FENCE-15]', () => {
  for (const [errno, isWarned] of [
    [-1, false],
    [-4095, false],
    [0, true],
    [-4096, true],
    [undefined, true],
  ] as const) {
    using warnings = collectWarnings()
    const error = Object.create(failure, { errno: { value: errno } }) as DmaBufError
    const fence = mockFence()
    setFenceError(fence, error)
    assert.equal(warnings.list.length, isWarned ? 1 : 0, String(errno))
    signalFence(fence)
    assert.equal(fence.error, error)
    signalFence(mockFence(), error)
    assert.equal(warnings.list.length, isWarned ? 2 : 0, String(errno))
  }
})

test('What is no error at all is a TypeError, and changes nothing', () => {
  const fence = mockFence()
  for (const wrong of ['EIO', -5, null])
    assert.throws(() => signalFence(fence, wrong as unknown as DmaBufError), TypeError)
  assert.throws(() => setFenceError(fence, undefined as unknown as DmaBufError), TypeError)
  assert.equal(fence.status, 'pending')
})

test('storeFenceError says nothing, before and after the signal', () => {
  using warnings = collectWarnings()
  const fence = mockFence()
  storeFenceError(fence, failure)
  signalFence(fence)
  storeFenceError(fence, other)
  assert.equal(fence.error, other)
  assert.deepEqual(warnings.list, [])
})
