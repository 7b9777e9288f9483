// Goal: fences move between a dma-buf of the kernel and this program, and errors are told.
// Method: without real dma-bufs, what is no dma-buf; the rest is in tests/kernel.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { putFence } from '#src/core/fence/fence.js'
import { createTimeline } from '#src/core/fence/timeline.js'
import { exportKernelFence, importKernelFence } from '#src/linux/kernel-buffer-fences.js'
import { openKernelFence } from '#src/linux/kernel-fence.js'
import { native } from '#src/linux/native.js'
import { OwnedFd } from '#src/linux/owned-fd.js'
import { thrownCode } from '../helpers/error-code.js'
import { FakeSyncFiles } from '../helpers/fake-sync-files.js'
import { openFds } from '../helpers/leaks.js'

function openMemfd(): OwnedFd {
  return OwnedFd.adopt(native().memfd('dmabuf:test', 0))
}

test('exportKernelFence of what is no dma-buf is ENOTTY, and leaves nothing open', () => {
  using memory = openMemfd()
  const before = openFds().length
  assert.equal(
    thrownCode(() => exportKernelFence(memory, true)),
    'ENOTTY',
  )
  memory.close()
  assert.equal(
    thrownCode(() => exportKernelFence(memory, true)),
    'EBADF',
  )
  assert.equal(openFds().length, before - 1)
})

test('importKernelFence of what is no dma-buf is ENOTTY, and leaves nothing open', () => {
  using files = new FakeSyncFiles()
  using memory = openMemfd()
  const { fence } = openKernelFence(files.make().fd)
  const before = openFds().length
  assert.equal(
    thrownCode(() => importKernelFence(memory, fence, false)),
    'ENOTTY',
  )
  assert.equal(openFds().length, before)
  putFence(fence)
})

test('importKernelFence asks the kernel for no fence of this program [FENCE-41]', () => {
  using memory = openMemfd()
  using timeline = createTimeline('user')
  const fence = timeline.fence(1)
  assert.equal(importKernelFence(memory, fence, true), false)
  timeline.signal(1)
  assert.equal(importKernelFence(memory, fence, true), true)
})
