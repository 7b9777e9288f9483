// Goal: buffers go to a DRM device and come back, and its fences and syncobjs are ours.
// Method: vgem for buffers and fences; virtio_gpu, the VM's second device, for syncobjs and as an importer.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createTimeline } from '#src/core/fence/timeline.js'
import { listDrmNodes, type VgemFence } from '#src/devices/drm/index.js'
import { exportFd } from '#src/linux/buffer-fd.js'
import { openMemfdHeap } from '#src/linux/memfd-heap.js'
import { openHeap } from '#src/linux/open-heap.js'
import type { KernelSyncFile } from '#src/linux/sync-file-fd.js'
import { attached, hasDriver, inodeOf, openDriver } from '../helpers/drm.js'
import { errorCode, thrownCode } from '../helpers/error-code.js'
import { syncFileOf } from '../helpers/kernel-fences.js'
import { openFds } from '../helpers/leaks.js'

/** Debian's kernel has virtio_gpu, our own has not. */
const WITH_GPU = { skip: hasDriver('virtio_gpu') ? false : 'this kernel has no virtio_gpu' }

/** How many descriptors are ours: of buffers, fences, devices. */
function heldFds(): number {
  return openFds().filter((fd) => /dmabuf|sync_file|syncobj|dri\/|event/.test(fd)).length
}

// Begun here, so that its ten seconds pass meanwhile; ended by the last test.
const forgotten = forgetFence()

function forgetFence(): Disposable & { readonly work: VgemFence; readonly file: KernelSyncFile } {
  const device = openDriver('vgem')
  const { buffer } = device.createDumb({ width: 4, height: 4 })
  const work = device.attachVgemFence(buffer, { write: true })
  const file = syncFileOf(buffer)
  const dispose = (): void => {
    for (const one of [file, buffer, device]) one.close()
  }
  return { work, file, [Symbol.dispose]: dispose }
}

void test('listDrmNodes names the driver of each node', () => {
  const names = listDrmNodes().map(({ driverName, kind }) => `${kind} ${driverName}`)
  const isExpected = existsSync('/run/kernel-vm/modules/virtio_gpu.list')
  const gpu = isExpected ? ['card virtio_gpu', 'render virtio_gpu'] : []
  for (const name of ['card vgem', 'render vgem', ...gpu])
    assert.ok(names.includes(name), `${name} is not in ${names.join()}`)
})

void test('openDrm says what the driver is and can do', WITH_GPU, () => {
  using vgem = openDriver('vgem')
  using gpu = openDriver('virtio_gpu')
  assert.match(vgem.version, /^\d+\.\d+\.\d+$/)
  const shares = { imports: true, exports: true }
  assert.deepEqual(vgem.capabilities, { ...shares, syncobj: false, syncobjTimeline: false })
  assert.deepEqual(gpu.capabilities, { ...shares, syncobj: true, syncobjTimeline: true })
})

void test('createDumb makes a dma-buf that outlives the device', async () => {
  const before = heldFds()
  const device = openDriver('vgem')
  const { buffer, pitchBytes, lengthBytes } = device.createDumb({ width: 100, height: 50 })
  device.close()
  assert.deepEqual([pitchBytes, lengthBytes, buffer.lengthBytes], [400, 20480, 20480])
  assert.equal(buffer.exporterName, 'drm')
  {
    using access = await buffer.beginCpuAccess('write')
    access.bytes.fill(7)
  }
  {
    using access = await buffer.beginCpuAccess('read')
    assert.equal(access.bytes[20479], 7)
  }
  buffer.close()
  assert.equal(heldFds(), before)
})

void test('createDumb refuses what the driver does, and what would take too much', WITH_GPU, () => {
  using device = openDriver('vgem')
  using render = openDriver('vgem', 'render')
  const size = { width: 4, height: 4 }
  assert.equal(
    thrownCode(() => render.createDumb(size)),
    'EACCES',
  )
  using gpu = openDriver('virtio_gpu')
  assert.equal(
    thrownCode(() => gpu.createDumb({ ...size, bitsPerPixel: 24 })),
    'EINVAL',
  )
  assert.equal(
    thrownCode(() => device.createDumb({ width: 2 ** 20, height: 2 ** 20 })),
    'ENOMEM',
  )
  const small = { width: 1024, height: 1024, maxLengthBytes: 4096 }
  assert.equal(
    thrownCode(() => device.createDumb(small)),
    'ENOMEM',
  )
})

void test('DrmDevice.import attaches a heap buffer, once, until the last import is closed', async () => {
  using device = openDriver('vgem')
  using heap = openHeap({ need: 'device', kinds: ['dma-heap'] })
  using buffer = heap.allocate(8192)
  assert.deepEqual(attached(buffer), [])
  const first = device.import(buffer)
  const second = device.import(buffer)
  assert.equal(first.handle, second.handle)
  assert.deepEqual(attached(buffer), ['vgem'])
  first.close()
  first.close()
  assert.deepEqual(attached(buffer), ['vgem'])
  using again = second.export()
  assert.equal(inodeOf(again), inodeOf(buffer))
  second.close()
  assert.deepEqual(attached(buffer), [])
  assert.equal(
    thrownCode(() => second.handle),
    'EBADF',
  )
})

void test('A buffer of one device is imported by another', WITH_GPU, async () => {
  using vgem = openDriver('vgem')
  using gpu = openDriver('virtio_gpu')
  using dumb = vgem.createDumb({ width: 16, height: 16 }).buffer
  using theirs = gpu.createDumb({ width: 16, height: 16 }).buffer
  using imported = vgem.import(theirs)
  using back = imported.export()
  {
    using access = await back.beginCpuAccess('write')
    access.bytes[0] = 9
  }
  using access = await theirs.beginCpuAccess('read')
  assert.equal(access.bytes[0], 9)
  const own = vgem.import(dumb)
  own.close()
})

void test('DrmDevice.import refuses what is no dma-buf, and after close', () => {
  const device = openDriver('vgem')
  using heap = openMemfdHeap()
  using memory = heap.allocate(4096)
  const before = heldFds()
  assert.equal(
    thrownCode(() => device.import(memory)),
    'EINVAL',
  )
  assert.equal(heldFds(), before)
  const { buffer } = device.createDumb({ width: 4, height: 4 })
  const imported = device.import(buffer)
  device.close()
  imported.close()
  assert.equal(
    thrownCode(() => device.import(buffer)),
    'EBADF',
  )
  assert.equal(
    thrownCode(() => device.createDumb({ width: 4, height: 4 })),
    'EBADF',
  )
  buffer.close()
})

void test('A vgem fence keeps others off as it says, and only once [VG-1, VG-2]', WITH_GPU, () => {
  using device = openDriver('vgem')
  using buffer = device.createDumb({ width: 4, height: 4 }).buffer
  const reading = device.attachVgemFence(buffer)
  using _second = device.attachVgemFence(buffer)
  assert.equal(
    thrownCode(() => device.attachVgemFence(buffer, { write: true })),
    'EBUSY',
  )
  reading.signal()
  assert.equal(
    thrownCode(() => reading.signal()),
    'ENOENT',
  )
  using gpu = openDriver('virtio_gpu')
  assert.equal(
    thrownCode(() => gpu.attachVgemFence(buffer)),
    'ENOTTY',
  )
})

void test('Closing the device signals its fences [VG-2]', async () => {
  const device = openDriver('vgem')
  using buffer = device.createDumb({ width: 4, height: 4 }).buffer
  device.attachVgemFence(buffer, { write: true })
  using file = syncFileOf(buffer)
  assert.equal(file.fence.isSignaled(), false)
  device.close()
  await file.fence.wait({ timeoutMs: 5000 })
})

void test('A binary syncobj takes a fence and gives it back', WITH_GPU, async () => {
  using gpu = openDriver('virtio_gpu')
  using device = openDriver('vgem')
  using buffer = device.createDumb({ width: 4, height: 4 }).buffer
  using syncobj = gpu.createSyncobj()
  assert.equal(
    thrownCode(() => syncobj.exportSyncFile()),
    'EINVAL',
  )
  using work = device.attachVgemFence(buffer, { write: true })
  using file = syncFileOf(buffer)
  syncobj.importSyncFile(file)
  using out = syncobj.exportSyncFile()
  assert.deepEqual([out.fence.driverName, out.fence.status], ['vgem', 'pending'])
  assert.equal(await errorCode(() => syncobj.wait({ timeoutMs: 20 })), 'ETIMEDOUT')
  const waiting = syncobj.wait({ timeoutMs: 20_000 })
  work.signal()
  await Promise.all([waiting, out.fence.wait()])
  syncobj.reset()
  assert.equal(
    thrownCode(() => syncobj.exportSyncFile()),
    'EINVAL',
  )
  using timeline = createTimeline('user')
  assert.throws(() => syncobj.importSyncFile(timeline.fence(1) as never), { rule: 'FENCE-41' })
})

void test('Syncobj.wait waits for what nobody has submitted yet', WITH_GPU, async () => {
  using gpu = openDriver('virtio_gpu')
  using syncobj = gpu.createSyncobj()
  const waits = [syncobj.wait({ available: true }), syncobj.wait()]
  await sleep(1)
  syncobj.signal()
  await Promise.all(waits)
  using signaled = gpu.createSyncobj({ signaled: true })
  for (let round = 0; round < 50; round++) await signaled.wait({ timeoutMs: 0 })
  const aborted = AbortSignal.abort(new Error('enough'))
  await assert.rejects(signaled.wait({ signal: aborted }), /enough/)
})

void test('Syncobj.wait ends when the syncobj or the device is closed', WITH_GPU, async () => {
  const gpu = openDriver('virtio_gpu')
  const syncobj = gpu.createSyncobj()
  using other = gpu.createSyncobj()
  const one = assert.rejects(syncobj.wait(), { code: 'EBADF' })
  syncobj.close()
  await one
  const two = assert.rejects(other.wait({ point: 2n }), { code: 'EBADF' })
  gpu.close()
  await two
})

void test(
  'A timeline syncobj reaches its points in order, and takes fences at them',
  WITH_GPU,
  async () => {
    using gpu = openDriver('virtio_gpu')
    using device = openDriver('vgem')
    using buffer = device.createDumb({ width: 4, height: 4 }).buffer
    using syncobj = gpu.createSyncobj()
    syncobj.signal(3n)
    assert.equal(syncobj.query(), 3n)
    using work = device.attachVgemFence(buffer, { write: true })
    using file = syncFileOf(buffer)
    syncobj.importSyncFile(file, 5n)
    assert.deepEqual([syncobj.query(), syncobj.query({ submitted: true })], [3n, 5n])
    using five = syncobj.exportSyncFile(5n)
    assert.equal(five.fence.status, 'pending')
    assert.equal(
      thrownCode(() => syncobj.exportSyncFile(6n)),
      'EINVAL',
    )
    await syncobj.wait({ point: 2n })
    await syncobj.wait({ point: 5n, available: true })
    const waiting = syncobj.wait({ point: 5n, timeoutMs: 20_000 })
    work.signal()
    await Promise.all([waiting, five.ready()])
    assert.equal(syncobj.query(), 5n)
    for (const wrong of [-1n, 2n ** 64n]) assert.throws(() => syncobj.signal(wrong), RangeError)
  },
)

void test('A syncobj travels as a descriptor', WITH_GPU, async () => {
  using gpu = openDriver('virtio_gpu')
  using render = openDriver('virtio_gpu', 'render')
  using syncobj = gpu.createSyncobj()
  using theirs = render.importSyncobj(syncobj.export())
  syncobj.signal()
  await theirs.wait({ timeoutMs: 5000 })
  using heap = openMemfdHeap()
  using memory = heap.allocate(4096)
  assert.equal(
    thrownCode(() => render.importSyncobj(exportFd(memory))),
    'EINVAL',
  )
  using vgem = openDriver('vgem')
  assert.equal(
    thrownCode(() => vgem.createSyncobj()),
    'EOPNOTSUPP',
  )
})

void test('All that a device gives is given back', WITH_GPU, async () => {
  const before = heldFds()
  {
    using gpu = openDriver('virtio_gpu')
    using device = openDriver('vgem')
    for (let round = 0; round < 20; round++) {
      using buffer = gpu.createDumb({ width: 4, height: 4 }).buffer
      using _imported = device.import(buffer)
      using _fence = device.attachVgemFence(buffer, { write: true })
      using file = syncFileOf(buffer)
      using syncobj = gpu.createSyncobj()
      syncobj.importSyncFile(file)
      await syncobj.wait({ available: true })
    }
  }
  assert.equal(heldFds(), before)
})

void test('A vgem fence signals by itself after ten seconds, without an error [VG-2, FENCE-40]', async () => {
  using _forgotten = forgotten
  const { work, file } = forgotten
  await file.fence.wait({ timeoutMs: 30_000 })
  assert.equal(file.fence.error, undefined)
  assert.equal(
    thrownCode(() => work.signal()),
    'ETIMEDOUT',
  )
  work[Symbol.dispose]()
})
