// Goal: whatever an exporter's callback throws, at once or later, no lock stays held, no reference is kept, the
// list of buffers is whole, and the memory goes back once.
// Method: a whole life of a buffer with a device, a kernel map and a program's mapping, once for each callback
// that fails in each way; errors are swallowed, leftovers are not.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Attachment } from '#src/core/buffer/attachment.js'
import { bufferCount } from '#src/core/buffer/buffer-list.js'
import { bufferObject, exportBuffer, type DmaBuf } from '#src/core/buffer/buffer.js'
import type { ExporterOps } from '#src/core/buffer/exporter.js'
import { IosysMap } from '#src/core/buffer/iosys-map.js'
import { MapArea } from '#src/core/buffer/map-area.js'
import { mmapBuffer } from '#src/core/buffer/mmap.js'
import { vmapUnlocked, vunmapUnlocked } from '#src/core/buffer/vmap.js'
import { signalFence } from '#src/core/fence/fence.js'
import { thrownText } from '#src/core/thrown.js'
import { FenceRig } from '../reservation/fence-rig.js'
import { FakeExporter } from '../../helpers/fake-exporter.js'
import { collectWarnings } from '../../helpers/warnings.js'

type OpName = Exclude<keyof ExporterOps, 'cachesMappings'>

const OPS: readonly OpName[] = [
  'attach',
  'detach',
  'pin',
  'unpin',
  'map',
  'unmap',
  'vmap',
  'vunmap',
  'beginCpuAccess',
  'endCpuAccess',
  'openView',
  'mmap',
  'release',
]

const WAYS: Readonly<Record<string, () => unknown>> = {
  throws: () => {
    throw new Error('broken')
  },
  'throws no text': () => {
    throw Object.create(null)
  },
  rejects: () => Promise.reject(new Error('broken')),
}

class FailingExporter {
  readonly memory = new FakeExporter(4096)
  releases = 0
  asked = 0
  readonly ops: ExporterOps<FailingExporter>

  constructor(failing: OpName | undefined, fail: () => unknown, isDynamic: boolean) {
    const { memory } = this
    const ops: ExporterOps<FailingExporter> = {
      attach() {},
      detach() {},
      map: (attachment, direction) => memory.map(attachment, direction),
      unmap: (attachment, table, direction) => memory.unmap(attachment, table, direction),
      vmap: () => IosysMap.ofMemory(memory.memory),
      vunmap() {},
      beginCpuAccess() {},
      endCpuAccess() {},
      openView: (access, lifetime, lengthBytes) => memory.openView(access, lifetime, lengthBytes),
      mmap() {},
      release: () => {
        this.releases++
      },
      ...(isDynamic ? { pin() {}, unpin() {} } : {}),
    }
    if (failing !== undefined) {
      const failed = (): unknown => {
        this.asked++
        if (failing === 'release') this.releases++
        return fail()
      }
      Object.assign(ops, { [failing]: failed })
    }
    this.ops = ops
  }
}

async function attempt(work: () => unknown): Promise<void> {
  try {
    await work()
  } catch (error) {
    // A view that is no view fails with a TypeError: a promise has no bytes.
    assert.match(thrownText(error), /broken|TypeError|ENOMEM|no text/)
  }
}

async function live(buffer: DmaBuf): Promise<void> {
  const object = bufferObject(buffer, 'test')
  const attachments: Attachment[] = []
  const importer = { moveNotify() {} }
  await attempt(async () => attachments.push(await buffer.attach({ name: 'static' })))
  await attempt(async () => attachments.push(await buffer.attach({ name: 'dynamic' }, importer)))
  for (const attachment of attachments) {
    await attempt(async () => {
      const table = await attachment.map('bidirectional')
      await attachment.unmap(table, 'bidirectional')
    })
    if (attachment.isDynamic)
      await attempt(async () => {
        using held = await buffer.reservation.lock()
        await attachment.pin(held)
        attachment.unpin(held)
      })
  }
  const map = new IosysMap()
  await attempt(async () => {
    await vmapUnlocked(object, map)
    await vunmapUnlocked(object, map)
  })
  await attempt(async () => {
    using access = await buffer.beginCpuAccess('readwrite')
    assert.equal(access.bytes.length, 4096)
  })
  await attempt(() => buffer.lend('read', async ({ length }) => length))
  const area = new MapArea(1)
  await attempt(() => mmapBuffer(buffer, area, 0))
  area.close()
  for (const attachment of attachments) await attempt(() => attachment.detach())
  buffer.close()
  assert.equal(object.attachmentCount, 0, 'A device is still attached')
}

for (const isDynamic of [false, true])
  for (const failing of [undefined, ...OPS])
    for (const [way, fail] of Object.entries(WAYS)) {
      if (failing === undefined && way === 'rejects') continue
      if (!isDynamic && (failing === 'pin' || failing === 'unpin')) continue
      const what = failing === undefined ? 'Nothing fails' : `${failing} ${way}`
      test(`${what}, ${isDynamic ? 'dynamic' : 'static'} exporter: nothing is left behind [PORT-4]`, async () => {
        using warnings = collectWarnings()
        using fences = new FenceRig()
        const before = bufferCount()
        let owners = 0
        const owner = { tryGet: () => ++owners > 0, put: () => owners-- }
        const state = new FailingExporter(failing, fail, isDynamic)
        const { ops } = state
        const lengthBytes = 4096
        const buffer = exportBuffer({ exporterName: 'failing', lengthBytes, ops, state, owner })
        const { reservation } = buffer
        const object = bufferObject(buffer, 'test')
        const fence = fences.fence()
        await buffer.addFence(fence, 'write')
        signalFence(fence)
        await live(buffer)
        for (let turn = 0; turn < 50; turn++) await Promise.resolve()
        assert.equal(reservation.isLocked, false)
        assert.equal(object.references, 0)
        assert.equal(bufferCount(), before)
        assert.equal(owners, 0)
        assert.equal(state.releases, 1)
        if (failing === undefined) assert.deepEqual(warnings.rules, [])
        else assert.ok(state.asked > 0, 'It was never asked')
      })
    }
