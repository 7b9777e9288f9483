// Goal: fences of the kernel are waited for, move between buffers, and end as the kernel says.
// Method: fences of vgem in its buffers and in buffers of the system heap.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import type { DmaBuf } from '#src/core/buffer/buffer.js'
import { putFence } from '#src/core/fence/fence.js'
import { mergeFences } from '#src/core/fence/merge.js'
import { createTimeline } from '#src/core/fence/timeline.js'
import { host } from '#src/core/host.js'
import { listDrmNodes, openDrm, type DrmDevice } from '#src/devices/drm/index.js'
import { exportFd } from '#src/linux/buffer-fd.js'
import { importKernelFence, exportKernelFence } from '#src/linux/kernel-buffer-fences.js'
import type { KernelFence } from '#src/linux/kernel-fence.js'
import { native } from '#src/linux/native.js'
import { openNode } from '#src/linux/open-node.js'
import { OwnedFd } from '#src/linux/owned-fd.js'
import { openHeap } from '#src/linux/open-heap.js'
import { exportSyncFile, importSyncFile, type KernelSyncFile } from '#src/linux/sync-file-fd.js'
import { POLLIN, POLLOUT } from '#src/uapi/file.js'
import {
  decodeCreateFenceData,
  encodeCreateFenceData,
  SW_SYNC_IOC_CREATE_FENCE,
} from '#src/uapi/sw-sync.js'
import { errorCode, thrownCode } from '../helpers/error-code.js'
import { pendingOf, syncFileOf } from '../helpers/kernel-fences.js'
import { openFds } from '../helpers/leaks.js'

function openVgem(): DrmDevice {
  const node = listDrmNodes().find(({ driverName }) => driverName === 'vgem')
  assert.ok(node !== undefined, 'no vgem')
  return openDrm(node.path)
}

function newBuffer(device: DrmDevice): DmaBuf {
  return device.createDumb({ width: 4, height: 4 }).buffer
}

/** How many descriptors are of buffers and fences. */
function heldFds(): number {
  return openFds().filter((fd) => /dmabuf|sync_file/.test(fd)).length
}

/** What poll(2) says of a buffer: what would not have to wait. */
function ready(buffer: DmaBuf): string {
  using fd = exportFd(buffer)
  const events = native().pollNow(fd.number, POLLIN | POLLOUT)
  return `${(events & POLLIN) === 0 ? '-' : 'read'} ${(events & POLLOUT) === 0 ? '-' : 'write'}`
}

function importInto(buffer: DmaBuf, fence: KernelFence, write: boolean): boolean {
  using fd = exportFd(buffer)
  return importKernelFence(fd, fence, write)
}

void test('A write fence is in the way of readers and writers, and signals with its time [BUF-55, SF-18]', async () => {
  using device = openVgem()
  using buffer = newBuffer(device)
  const beforeNs = host().nowNs()
  using work = device.attachVgemFence(buffer, { write: true })
  using forRead = pendingOf(buffer, 'read')
  using forWrite = pendingOf(buffer, 'write')
  assert.ok(forRead !== undefined && forWrite !== undefined)
  assert.equal(ready(buffer), '- -')
  assert.deepEqual([forRead.fence.driverName, forRead.fence.timelineName], ['vgem', 'unbound'])
  assert.match(forRead.name, /^vgem-unbound\d+-1$/)
  const waiting = Promise.all([forRead.fence.wait(), forWrite.ready()])
  assert.deepEqual([forRead.fence.status, forWrite.fence.status], ['pending', 'pending'])
  work.signal()
  await waiting
  const { status, timestampNs } = forRead.fence
  assert.equal(status, 'signaled')
  assert.ok(timestampNs! > beforeNs && timestampNs! <= host().nowNs(), `${timestampNs}`)
  assert.equal(forRead.info().fences[0]?.timestampNs, timestampNs)
  assert.equal(ready(buffer), 'read write')
  assert.equal(pendingOf(buffer, 'write'), undefined)
})

void test('A read fence is in the way of writers only [BUF-56]', () => {
  using device = openVgem()
  using buffer = newBuffer(device)
  using _work = device.attachVgemFence(buffer)
  assert.equal(pendingOf(buffer, 'read'), undefined)
  using forWrite = pendingOf(buffer, 'write')
  assert.equal(forWrite?.fence.status, 'pending')
  assert.equal(ready(buffer), 'read -')
})

for (const [write, blocked] of [
  [true, '- -'],
  [false, 'read -'],
] as const)
  void test(`A fence put into a heap's buffer for ${write ? 'writing' : 'reading'} is in the way there [BUF-57]`, async () => {
    using device = openVgem()
    using source = newBuffer(device)
    using heap = openHeap({ need: 'device', kinds: ['dma-heap'] })
    using target = heap.allocate(4096)
    using work = device.attachVgemFence(source, { write: true })
    using file = syncFileOf(source)
    const held = heldFds()
    assert.equal(importInto(target, file.fence, write), true)
    assert.equal(heldFds(), held)
    assert.equal(ready(target), blocked)
    using there = syncFileOf(target)
    work.signal()
    await there.fence.wait()
    assert.equal(ready(target), 'read write')
  })

void test('A fence of this program never enters the kernel [FENCE-41]', () => {
  using device = openVgem()
  using buffer = newBuffer(device)
  using _work = device.attachVgemFence(buffer, { write: true })
  using file = syncFileOf(buffer)
  using timeline = createTimeline('user')
  using heap = openHeap({ need: 'device', kinds: ['dma-heap'] })
  using target = heap.allocate(4096)
  const merged = mergeFences([file.fence, timeline.fence(1)])
  assert.equal(importInto(target, merged as never, true), false)
  assert.equal(
    thrownCode(() => exportSyncFile(merged as never)),
    'EINVAL',
  )
  assert.equal(ready(target), 'read write')
  putFence(merged)
})

void test('What is merged here is merged in the kernel, and lists its fences [SF-10, SF-15, EX-12]', async () => {
  using device = openVgem()
  using one = newBuffer(device)
  using two = newBuffer(device)
  const first = device.attachVgemFence(one, { write: true })
  const second = device.attachVgemFence(two, { write: true })
  using a = syncFileOf(one)
  using b = syncFileOf(two)
  using both = a.merge(b, 'both')
  using merged = importSyncFile(exportSyncFile(both))
  assert.equal(merged.name, 'both')
  first.signal()
  assert.deepEqual(
    merged
      .info()
      .fences.map(({ driverName, status }) => [driverName, status])
      .sort(),
    [
      ['vgem', 'pending'],
      ['vgem', 'signaled'],
    ],
  )
  assert.equal(merged.fence.isSignaled(), false)
  second.signal()
  await merged.fence.wait()
  assert.equal(merged.fence.timestampNs, b.fence.isSignaled() ? b.fence.timestampNs : 0)
  using later = importSyncFile(exportSyncFile(both))
  assert.equal(later.fence.status, 'signaled')
})

void test('A sync file takes a deadline, of which nothing is heard [SF-20]', () => {
  using device = openVgem()
  using buffer = newBuffer(device)
  using _work = device.attachVgemFence(buffer, { write: true })
  using file = syncFileOf(buffer)
  for (const time of [0, host().nowNs() + 1e6, Infinity, NaN]) file.setDeadline(time)
  assert.equal(file.fence.status, 'pending')
})

void test('A process that dies signals the fences of its device', async () => {
  using device = openVgem()
  using buffer = newBuffer(device)
  using fd = exportFd(buffer)
  const program = `
    import { openDrm } from '${import.meta.resolve('#src/devices/drm/drm-device.js')}'
    import { importFd } from '${import.meta.resolve('#src/linux/buffer-fd.js')}'
    import { OwnedFd } from '${import.meta.resolve('#src/linux/owned-fd.js')}'
    openDrm('${device.path}').attachVgemFence(importFd(OwnedFd.adopt(3)), { write: true })
    process.stdout.write('attached')
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit', fd.number],
  })
  await new Promise((resolve) => child.stdout!.once('data', resolve))
  using file = syncFileOf(buffer)
  assert.equal(file.fence.status, 'pending')
  const waiting = file.fence.wait({ timeoutMs: 9000 })
  child.kill('SIGKILL')
  await waiting
})

void test('A full table of descriptors is EMFILE, and leaks nothing', async () => {
  using device = openVgem()
  using buffer = newBuffer(device)
  using _work = device.attachVgemFence(buffer, { write: true })
  using file = syncFileOf(buffer)
  using fd = exportFd(buffer)
  const before = heldFds()
  const fill: number[] = []
  for (;;) {
    const number = native().dup(fd.number)
    if (number < 0) break
    fill.push(number)
  }
  try {
    assert.equal(
      thrownCode(() => exportKernelFence(fd, true)),
      'EMFILE',
    )
    assert.equal(
      thrownCode(() => exportSyncFile(file)),
      'EMFILE',
    )
    native().close(fill.pop()!)
    // Room for one: the copy of the first has it, and the merged one has none.
    using both = file.merge(file)
    using copy = exportSyncFile(both)
    assert.equal(
      thrownCode(() => exportKernelFence(fd, true)),
      'EMFILE',
    )
    copy.close()
    fill.push(native().dup(fd.number))
  } finally {
    for (const number of fill) native().close(number)
  }
  assert.equal(heldFds(), before)
})

void test('A hundred awaited fences of the kernel give all descriptors back', async () => {
  using device = openVgem()
  using buffer = newBuffer(device)
  const work = device.attachVgemFence(buffer, { write: true })
  const before = heldFds()
  const files = Array.from({ length: 100 }, () => syncFileOf(buffer))
  assert.equal(heldFds(), before + 100)
  const waits = files.map(({ fence }) => fence.wait())
  const given = errorCode(() => files[0]!.fence.wait({ timeoutMs: 1 }))
  assert.equal(await given, 'ETIMEDOUT')
  work.signal()
  await Promise.all(waits)
  for (const file of files) file.close()
  assert.equal(heldFds(), before)
})

/** Makes fences by hand; only kernels for tests have it. */
const SW_SYNC = '/sys/kernel/debug/sync/sw_sync'
const WITH_SW_SYNC = {
  skip: existsSync(SW_SYNC) ? false : 'this kernel has no sw_sync (--custom has)',
}

function newSwFence(timeline: OwnedFd, value: number): KernelSyncFile {
  const bytes = encodeCreateFenceData({ value, name: '', fence: 0 })
  const result = native().ioctl(timeline.number, SW_SYNC_IOC_CREATE_FENCE, bytes)
  assert.equal(result, 0)
  return importSyncFile(OwnedFd.adopt(decodeCreateFenceData(bytes).fence))
}

void test(
  'A fence whose timeline is closed is ready and failed: the status counts [SW-7, SF-18]',
  WITH_SW_SYNC,
  async () => {
    using timeline = openNode(SW_SYNC)
    using other = openNode(SW_SYNC)
    using awaited = newSwFence(timeline, 1)
    using looked = newSwFence(other, 1)
    using both = awaited.merge(looked)
    using merged = importSyncFile(exportSyncFile(both))
    const waiting = Promise.all([errorCode(() => awaited.fence.wait()), merged.ready()])
    timeline.close()
    other.close()
    assert.deepEqual(await waiting, ['ENOENT', undefined])
    using fd = exportSyncFile(looked)
    assert.equal(native().pollNow(fd.number, POLLIN), POLLIN)
    assert.deepEqual([looked.fence.status, looked.fence.error?.code], ['error', 'ENOENT'])
    assert.equal(merged.fence.error?.code, 'ENOENT')
    assert.deepEqual(
      merged.info().fences.map(({ error }) => error?.code),
      ['ENOENT', 'ENOENT'],
    )
  },
)
