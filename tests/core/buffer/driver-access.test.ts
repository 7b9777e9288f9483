// Goal: drivers begin and end CPU access by handle, with the kernel's names and errors.
// Method: the same exporter as the brackets have; every name of the kernel's inventory is looked up.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as attachmentOps from '#src/core/buffer/attachment-ops.js'
import { DmaBuf, exportBuffer } from '#src/core/buffer/buffer.js'
import { beginCpuAccess, endCpuAccess } from '#src/core/buffer/driver-access.js'
import { mmapBuffer } from '#src/core/buffer/mmap.js'
import * as vmap from '#src/core/buffer/vmap.js'
import { signalFence } from '#src/core/fence/fence.js'
import { bufferOfDescriptor, descriptorForBuffer } from '#src/syscalls/open-buffer.js'
import { BufferRig } from '../../helpers/buffer-rig.js'
import { errorCode, thrownCode } from '../../helpers/error-code.js'
import { isSettled } from '../../helpers/recording-buffer.js'
import { collectWarnings } from '../../helpers/warnings.js'

test('beginCpuAccess and endCpuAccess do what the exporter and the fences say, without a bracket [CPU-1, CPU-6, PROP-10]', async () => {
  using rig = new BufferRig({ begin: () => {} })
  const fence = rig.add('read')
  const begun = beginCpuAccess(rig.buffer, 'to-device')
  assert.equal(await isSettled(begun), false)
  assert.equal(rig.extra, 1)
  signalFence(fence)
  await begun
  endCpuAccess(rig.buffer, 'to-device')
  assert.deepEqual(rig.exporter.calls, ['begin to-device', 'end to-device'])
  assert.equal(rig.extra, 0)
})

test('beginCpuAccess gives its reference back where it fails', async () => {
  const failure = new Error('device is gone')
  using rig = new BufferRig({ begin: () => Promise.reject(failure) })
  await assert.rejects(beginCpuAccess(rig.buffer, 'to-device'), failure)
  assert.equal(rig.extra, 0)
})

test('beginCpuAccess and endCpuAccess warn and refuse nothing, and closed handles [CPU-1]', async () => {
  using warnings = collectWarnings()
  for (const nothing of [undefined, null]) {
    assert.equal(await errorCode(() => beginCpuAccess(nothing, 'to-device')), 'EINVAL')
    assert.equal(
      thrownCode(() => endCpuAccess(nothing, 'to-device')),
      'EINVAL',
    )
  }
  assert.deepEqual(warnings.rules, ['CPU-1', 'CPU-6', 'CPU-1', 'CPU-6'])
  using rig = new BufferRig()
  rig.buffer.close()
  const closed = (operation: string) => ({ code: 'EBADF', operation })
  await assert.rejects(beginCpuAccess(rig.buffer, 'to-device'), closed('beginCpuAccess'))
  assert.throws(() => endCpuAccess(rig.buffer, 'to-device'), closed('endCpuAccess'))
})

test('Every name of the inventory of buffers has its function here [API-1]', () => {
  const names = {
    dma_buf_export: exportBuffer,
    dma_buf_fd: descriptorForBuffer,
    dma_buf_get: bufferOfDescriptor,
    get_dma_buf: DmaBuf.prototype.dup,
    dma_buf_put: DmaBuf.prototype.close,
    dma_buf_mmap: mmapBuffer,
    dma_buf_begin_cpu_access: beginCpuAccess,
    dma_buf_end_cpu_access: endCpuAccess,
    dma_buf_vmap: vmap.vmapBuffer,
    dma_buf_vunmap: vmap.vunmapBuffer,
    dma_buf_vmap_unlocked: vmap.vmapUnlocked,
    dma_buf_vunmap_unlocked: vmap.vunmapUnlocked,
    dma_buf_is_dynamic: attachmentOps.isDynamicExporter,
  }
  for (const [name, call] of Object.entries(names)) assert.equal(typeof call, 'function', name)
})
