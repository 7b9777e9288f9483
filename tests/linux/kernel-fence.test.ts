// Goal: a fence of the kernel is an ordinary fence here: pending, watched while somebody waits, done once.
// Method: pipes that answer as sync files; descriptors are counted, processes end by themselves.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DmaBufError } from '#src/core/errors.js'
import { createFenceArray } from '#src/core/fence/fence-array.js'
import { putFence, type Fence } from '#src/core/fence/fence.js'
import { isKernelFence, openKernelFence, syncFileOf } from '#src/linux/kernel-fence.js'
import { errorCode, thrownCode } from '../helpers/error-code.js'
import { FakeSyncFiles } from '../helpers/fake-sync-files.js'
import { runFixture } from '../helpers/fixture.js'
import { openFds, settled } from '../helpers/leaks.js'
import { collectWarnings } from '../helpers/warnings.js'

test('A kernel fence is pending until the kernel says so, and signals with its time [SF-18, FENCE-11]', () => {
  using files = new FakeSyncFiles()
  const { fd, file } = files.make()
  const { fence, name } = openKernelFence(fd)
  assert.deepEqual([fence.driverName, fence.timelineName, name], ['gpu', 'ring', 'file'])
  assert.deepEqual([fence.status, fence.timestampNs], ['pending', undefined])
  assert.ok(isKernelFence(fence))
  file.signal(1, 1234n)
  assert.deepEqual([fence.status, fence.timestampNs], ['signaled', 1234])
  putFence(fence)
})

test('A kernel fence that had signalled before has the time and the error of then [SF-18]', async () => {
  using files = new FakeSyncFiles()
  const { fd } = files.make([{ status: -2, timestampNs: 77n }])
  const { fence } = openKernelFence(fd)
  assert.deepEqual([fence.status, fence.timestampNs], ['error', 77])
  assert.equal(fence.error?.code, 'ENOENT')
  assert.equal(fence.error.errno, -2)
  assert.equal(await errorCode(() => fence.wait()), 'ENOENT')
  putFence(fence)
})

test('A readable sync file that failed rejects with its errno: readiness is not the status', async () => {
  using files = new FakeSyncFiles()
  const { fd, file } = files.make()
  const { fence } = openKernelFence(fd)
  const waiting = errorCode(() => fence.wait())
  file.signal(-5)
  assert.equal(await waiting, 'EIO')
  putFence(fence)
})

test('A readable sync file whose fence is pending leaves the waiter waiting', async () => {
  using files = new FakeSyncFiles()
  const { fd, file } = files.make()
  const { fence } = openKernelFence(fd)
  let isDone = false
  const waiting = fence.wait().then(() => (isDone = true))
  const { fences } = file
  file.signal()
  const done = file.fences
  file.fences = fences
  await settled()
  assert.equal(isDone, false)
  file.fences = done
  await waiting
  putFence(fence)
})

test('An array of the kernel that does not know of a failure fails with that of its fence [SF-18, ARR-9]', () => {
  using files = new FakeSyncFiles()
  const { fd, file } = files.make([{ status: 1, timestampNs: 9n }, {}])
  const { fence } = openKernelFence(fd)
  assert.deepEqual([fence.driverName, fence.timelineName], ['kernel', '2 fences'])
  file.signal(-5, 8n)
  file.status = 1
  assert.equal(fence.error, undefined)
  assert.equal(fence.status, 'error')
  assert.equal((fence as Fence).error?.code, 'EIO')
  assert.equal(fence.timestampNs, 9)
  putFence(fence)
})

test('A sync file that lists no fences has its own status [SF-15, SF-18]', () => {
  using files = new FakeSyncFiles()
  const { fd, file } = files.make()
  file.fences = []
  file.status = -5
  const { fence } = openKernelFence(fd)
  assert.equal(fence.error?.code, 'EIO')
  assert.deepEqual([fence.driverName, fence.timelineName], ['kernel', 'done'])
  putFence(fence)
})

test('All that wait are called once, and the watch ends with the signal', async () => {
  using files = new FakeSyncFiles()
  const { fd, file } = files.make()
  const { fence } = openKernelFence(fd)
  const array = createFenceArray([fence], { context: 1, seqno: 1 })
  let calls = 0
  assert.ok(fence.addCallback(() => calls++))
  const waits = [fence.wait(), fence.wait({ timeoutMs: 20_000 }), array.wait()]
  file.signal()
  await Promise.all(waits)
  assert.equal(calls, 1)
  // A watch would still see the descriptor readable.
  await settled()
  assert.equal(calls, 1)
  putFence(array)
})

test('Whoever gives up waiting ends the watch, and who comes next is told', async () => {
  using files = new FakeSyncFiles()
  const { fd, file } = files.make()
  const { fence } = openKernelFence(fd)
  assert.equal(await errorCode(() => fence.wait({ timeoutMs: 1 })), 'ETIMEDOUT')
  let calls = 0
  const callback = (): void => {
    calls++
  }
  fence.addCallback(callback)
  fence.removeCallback(callback)
  fence.enableSignaling()
  file.signal()
  await settled()
  assert.equal(calls, 0)
  await fence.wait()
  putFence(fence)
})

test('A process that waits for a kernel fence stays', async () => {
  const { stdout, code } = await runFixture('kernel-fence-await.js')
  assert.deepEqual([stdout, code], ['signaled', 0])
})

test('A process that waits for no kernel fence any more ends', async () => {
  const { stdout, code } = await runFixture('kernel-fence-unref.js')
  assert.equal(stdout, 'ETIMEDOUT\nexit 0')
  assert.equal(code, 0)
})

test('putFence closes the descriptor, and nothing may be asked then [FENCE-8]', () => {
  using files = new FakeSyncFiles()
  const before = openFds().length
  const { fd } = files.make()
  const { fence } = openKernelFence(fd)
  assert.equal(openFds().length, before + 2)
  putFence(fence)
  assert.equal(openFds().length, before + 1)
  assert.match(
    String(catchError(() => fence.isSignaled())),
    /EBADF: The fence of the kernel was released/,
  )
  assert.equal(
    thrownCode(() => syncFileOf(fence)),
    'EBADF',
  )
})

test('A kernel fence that is put while somebody waits fails, and closes its descriptor [FENCE-9]', async () => {
  using files = new FakeSyncFiles()
  using warnings = collectWarnings()
  const before = openFds().length
  const { fd } = files.make()
  const { fence } = openKernelFence(fd)
  const waiting = errorCode(() => fence.wait())
  putFence(fence)
  assert.equal(await waiting, 'EDEADLK')
  assert.deepEqual(warnings.rules, ['FENCE-9'])
  await settled()
  assert.equal(openFds().length, before + 1)
})

test('A sync file that cannot be asked any more fails the fence that is waited for', async () => {
  using files = new FakeSyncFiles()
  const { fd, file } = files.make()
  const { fence } = openKernelFence(fd)
  const waiting = errorCode(() => fence.wait())
  files.onFileInfo = () => {
    throw new DmaBufError('EBADF', 'file info', 'closed by its number')
  }
  file.signal()
  assert.equal(await waiting, 'EBADF')
  putFence(fence)
})

test('openKernelFence closes what is no sync file', () => {
  const before = openFds().length
  using files = new FakeSyncFiles()
  const { fd } = files.make()
  files.onFileInfo = ({ fences }) => void fences.push(fences[0]!)
  assert.equal(
    thrownCode(() => openKernelFence(fd)),
    'EAGAIN',
  )
  assert.equal(fd.closed, true)
  assert.equal(openFds().length, before + 1)
})

test('Fence.setDeadline reaches the kernel while the fence is pending [FENCE-35, SF-20]', () => {
  using files = new FakeSyncFiles()
  const { fd, file } = files.make()
  const { fence } = openKernelFence(fd)
  fence.setDeadline(42)
  file.signal()
  fence.setDeadline(43)
  assert.deepEqual(file.deadlines, [42n])
  putFence(fence)
})

test('Hundreds of awaited kernel fences give all their descriptors back', async () => {
  using files = new FakeSyncFiles()
  const before = openFds().length
  const made = Array.from({ length: 300 }, () => files.make())
  const fences = made.map(({ fd }) => openKernelFence(fd).fence)
  const waits = fences.map((fence) => fence.wait())
  made.forEach(({ file }) => file.signal())
  await Promise.all(waits)
  fences.forEach(putFence)
  assert.equal(openFds().length, before + 300)
})

function catchError(call: () => unknown): unknown {
  try {
    return call()
  } catch (error) {
    return error
  }
}
