// Goal: what is the kernel's goes back into the kernel, and nothing else does.
// Method: pipes that answer as sync files; fences of this program beside them; descriptors are counted.
import assert from 'node:assert/strict'
import { openSync } from 'node:fs'
import { test } from 'node:test'
import { createFenceArray } from '#src/core/fence/fence-array.js'
import { chainFence } from '#src/core/fence/fence-chain.js'
import { getFence, putFence, type Fence } from '#src/core/fence/fence.js'
import { mergeFences } from '#src/core/fence/merge.js'
import { stubFence } from '#src/core/fence/stub.js'
import { createTimeline } from '#src/core/fence/timeline.js'
import { createSyncFile } from '#src/core/sync-file.js'
import type { KernelFence } from '#src/linux/kernel-fence.js'
import { OwnedFd } from '#src/linux/owned-fd.js'
import { exportSyncFile, importSyncFile } from '#src/linux/sync-file-fd.js'
import { errorCode, thrownCode } from '../helpers/error-code.js'
import { FakeSyncFiles } from '../helpers/fake-sync-files.js'
import { openFds } from '../helpers/leaks.js'

function exported(fence: Fence): OwnedFd {
  return exportSyncFile(fence as never)
}

test('importSyncFile keeps the name, lists the fences, and lets all go with its last handle [SF-1, SF-15]', async () => {
  using files = new FakeSyncFiles()
  const before = openFds().length
  const { fd, file } = files.make([{ driverName: 'a' }, { driverName: 'b' }], 'two')
  const syncFile = importSyncFile(fd)
  file.fences = [{ ...file.fences[0]!, status: 1, timestampNs: 7n }, file.fences[1]!]
  const info = syncFile.info()
  assert.deepEqual([info.name, info.status], ['two', 'pending'])
  assert.deepEqual(
    info.fences.map(({ driverName, status, timestampNs }) => [driverName, status, timestampNs]),
    [
      ['a', 'signaled', 7],
      ['b', 'pending', undefined],
    ],
  )
  file.signal(-5, 9n)
  await syncFile.ready()
  assert.deepEqual(
    syncFile.info().fences.map(({ error }) => error?.code),
    [undefined, 'EIO'],
  )
  syncFile.close()
  assert.equal(openFds().length, before + 1)
})

test('importSyncFile closes what is no sync file and says EINVAL in one line [SF-3]', () => {
  const before = openFds().length
  const fd = OwnedFd.adopt(openSync('/dev/null', 'r'))
  assert.throws(() => importSyncFile(fd), /^DmaBufError: EINVAL: The descriptor is no sync file.*$/)
  assert.equal(fd.closed, true)
  assert.equal(
    thrownCode(() => importSyncFile(fd)),
    'EBADF',
  )
  assert.equal(openFds().length, before)
})

test('exportSyncFile gives the same sync file back, under a number of its own', () => {
  using files = new FakeSyncFiles()
  const { fd, file } = files.make()
  using syncFile = importSyncFile(fd)
  using out = exportSyncFile(syncFile)
  using again = exportSyncFile(syncFile.fence)
  assert.notEqual(out.number, again.number)
  assert.equal(files.of(out), file)
  assert.equal(files.of(again), file)
})

test('exportSyncFile merges arrays and chains of the kernel in the kernel [SF-10, SF-11]', () => {
  using files = new FakeSyncFiles()
  const made = ['a', 'b', 'c'].map((driverName) => files.make([{ driverName }]))
  const handles = made.map(({ fd }) => importSyncFile(fd))
  const [a, b, c] = handles.map(({ fence }) => fence)
  const array = mergeFences([a, b])
  const chain = chainFence(chainFence(undefined, array, 1), c!, 2)
  const before = openFds().length
  {
    using syncFile = createSyncFile(chain, 'all of them')
    using fd = exportSyncFile(syncFile)
    const { name, fences } = files.of(fd)!
    assert.equal(name, 'all of them')
    assert.deepEqual(fences.map(({ driverName }) => driverName).sort(), ['a', 'b', 'c'])
  }
  // Each of the two merges left the writing end of its pipe, which is the test's.
  assert.equal(openFds().length, before + 2)
  putFence(chain)
  handles.forEach((handle) => handle.close())
})

test('exportSyncFile refuses what this program signals, wherever it is [FENCE-41]', () => {
  using files = new FakeSyncFiles()
  using timeline = createTimeline('user')
  using syncFile = importSyncFile(files.make().fd)
  const kernel = syncFile.fence
  const user = timeline.fence(1)
  const refused = [
    user,
    mergeFences([kernel, user]),
    chainFence(user, kernel, 1),
    chainFence(kernel, user, 1),
  ]
  const before = openFds().length
  for (const fence of refused) {
    const message = /Only fences of the kernel enter the kernel, .*\. Wait for it here, .*$/
    assert.throws(() => exported(fence), { code: 'EINVAL', rule: 'FENCE-41', message })
    using file = createSyncFile(fence)
    assert.equal(
      thrownCode(() => exportSyncFile(file)),
      'EINVAL',
    )
  }
  assert.equal(openFds().length, before)
})

test('exportSyncFile refuses the first of several: merged it would be all of them [FENCE-41]', () => {
  using files = new FakeSyncFiles()
  const { fd, file } = files.make()
  using one = importSyncFile(fd)
  using two = importSyncFile(files.make().fd)
  const elements = [getFence(one.fence), getFence(two.fence)]
  const first = createFenceArray(elements, { context: 1, seqno: 1, any: true })
  assert.equal(
    thrownCode(() => exported(first)),
    'EINVAL',
  )
  const chain = chainFence(first, two.fence, 1)
  assert.equal(
    thrownCode(() => exported(chain)),
    'EINVAL',
  )
  file.signal()
  // Over, though one of its elements is pending.
  using out = exported(chain)
  assert.equal(files.of(out), files.of(exportSyncFileFd(two.fence)))
  putFence(chain)

  function exportSyncFileFd(fence: KernelFence): OwnedFd {
    const copy = exportSyncFile(fence)
    queueMicrotask(() => copy.close())
    return copy
  }
})

test('exportSyncFile leaves out what this program has finished, and has nothing to give for that alone', async () => {
  using files = new FakeSyncFiles()
  using timeline = createTimeline('user')
  const user = timeline.fence(1)
  const { fd, file } = files.make()
  using syncFile = importSyncFile(fd)
  const chain = chainFence(user, syncFile.fence, 1)
  timeline.signal(1)
  using out = exported(chain)
  assert.equal(files.of(out), file)
  assert.match(
    await messageOf(() => exported(stubFence())),
    /^DmaBufError: EINVAL: Nothing is left to wait for: .* is done\. Give no descriptor: .*$/,
  )
  assert.equal(await errorCode(() => exported(user)), 'EINVAL')
  putFence(chain)
})

test('exportSyncFile says what it takes', () => {
  for (const wrong of [{}, undefined, 3])
    assert.throws(() => exportSyncFile(wrong as never), {
      name: 'TypeError',
      message: 'Export a sync file or a fence of the kernel',
    })
})

test('exportSyncFile of a closed file is EBADF', () => {
  using files = new FakeSyncFiles()
  const syncFile = importSyncFile(files.make().fd)
  syncFile.close()
  assert.equal(
    thrownCode(() => exportSyncFile(syncFile)),
    'EBADF',
  )
})

async function messageOf(call: () => unknown): Promise<string> {
  try {
    await call()
    return 'none'
  } catch (error) {
    return String(error)
  }
}
