// Goal: whatever finds no free descriptor, first or halfway, says so and leaves nothing open.
// Method: each operation with room for 0, 1, 2, … descriptors, until it has enough.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { DmaBuf } from '#src/core/buffer/buffer.js'
import { DmaBufError } from '#src/core/errors.js'
import type { Heap } from '#src/core/heap/heap.js'
import type { KernelSyncFile } from '#src/linux/sync-file-fd.js'
import { listDrmNodes, openDrm, type DrmDevice } from '#src/devices/drm/index.js'
import { openCapture } from '#src/devices/v4l2/index.js'
import {
  createUdmabuf,
  exportFd,
  exportSyncFile,
  importFd,
  importSyncFile,
  openHeap,
  openMemfdHeap,
} from '#src/linux/index.js'
import { openFds } from '../helpers/leaks.js'
import { vividNode } from '../helpers/vivid.js'
import { withRoomFor } from './descriptor-table.js'

/** More than any of the operations takes. */
const ENOUGH = 16

// Found once: a folder is not listed without a descriptor.
const nodes = listDrmNodes()
const pathOf = (driver: string): string =>
  nodes.find(({ driverName }) => driverName === driver)?.path ?? ''
const [vgemPath, gpuPath, camera] = [pathOf('vgem'), pathOf('virtio_gpu'), vividNode('vid-cap')]

let heap: Heap
let memory: DmaBuf
let buffer: DmaBuf
let vgem: DrmDevice
/** Of two fences of the kernel. */
let both: KernelSyncFile
let closeables: Disposable[]

before(async () => {
  heap = openHeap({ need: 'device' })
  memory = openMemfdHeap().allocate(8192)
  buffer = heap.allocate(4096)
  vgem = openDrm(vgemPath)
  const files: KernelSyncFile[] = []
  for (let count = 0; count < 2; count++) {
    using busy = heap.allocate(4096)
    vgem.attachVgemFence(busy, { write: true })
    using file = busy.exportSyncFile('read')
    files.push(importSyncFile(exportSyncFile(file)))
  }
  both = files[0]!.merge(files[1]!) as KernelSyncFile
  closeables = [both, ...files, vgem, buffer, memory, heap]
  // Each opens what it opens once for all.
  await capture('export')
})

after(() => {
  for (const closeable of closeables) closeable[Symbol.dispose]()
})

async function capture(from: 'import' | 'export'): Promise<void> {
  await using capturing = await openCapture(camera, { memory: from, buffers: 3 })
  for await (using _frame of capturing) break
}

const OPERATIONS: Readonly<Record<string, () => unknown>> = {
  'openHeap()': () => openHeap({ need: 'device' }).close(),
  'Heap.allocate() of a dma-heap': () => heap.allocate(4096).close(),
  'Heap.allocate() of udmabuf': () => {
    using udmabuf = openHeap({ need: 'device', kinds: ['udmabuf'] })
    udmabuf.allocate(4096, { name: 'parts' }).close()
  },
  'createUdmabuf()': () => createUdmabuf([{ memory }]).close(),
  'exportFd() and importFd()': () => importFd(exportFd(buffer)).close(),
  'exportSyncFile() and importSyncFile()': () => importSyncFile(exportSyncFile(both)).close(),
  'DmaBuf.exportSyncFile()': () => buffer.exportSyncFile('write').close(),
  'DmaBuf.importSyncFile()': async () => {
    using busy = heap.allocate(4096)
    await busy.importSyncFile(both, 'write')
  },
  'DmaBuf.beginCpuAccess()': async () => {
    using access = await buffer.beginCpuAccess('readwrite', { blocking: 'thread' })
    access.bytes[0] = 1
  },
  'openDrm()': () => openDrm(vgemPath).close(),
  'DrmDevice.createDumb()': () => vgem.createDumb({ width: 4, height: 4 }).buffer.close(),
  'DrmDevice.import()': () => {
    using imported = vgem.import(buffer)
    imported.export().close()
  },
  'attachVgemFence()': () => vgem.attachVgemFence(buffer)[Symbol.dispose](),
  'openCapture(), export': () => capture('export'),
  'openCapture(), import': () => capture('import'),
  ...(gpuPath !== '' && {
    Syncobj: async () => {
      using gpu = openDrm(gpuPath)
      using syncobj = gpu.createSyncobj({ signaled: true })
      using _same = gpu.importSyncobj(syncobj.export())
      await syncobj.wait({ timeoutMs: 5000 })
      syncobj.exportSyncFile().close()
    },
  }),
}

/** Its error; undefined where it worked. */
async function failure(operate: () => unknown): Promise<unknown> {
  try {
    await operate()
  } catch (error) {
    return error
  }
  return undefined
}

for (const [name, operate] of Object.entries(OPERATIONS))
  void test(`${name} without room for its descriptors leaves none behind`, async () => {
    const said: unknown[] = []
    const open = openFds().length
    for (let room = 0; room < ENOUGH; room++) {
      const error = await withRoomFor(room, () => failure(operate))
      assert.equal(openFds().length, open, `with room for ${room}: ${String(error)}`)
      said.push(error)
      if (error === undefined) break
    }
    assert.equal(said.pop(), undefined)
    for (const error of said) {
      assert.ok(DmaBufError.is(error), String(error))
      assert.match(`${error.message} ${String(error.details['reasons'])}`, /EMFILE/)
    }
  })
