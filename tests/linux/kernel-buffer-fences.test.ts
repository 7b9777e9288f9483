// Goal: fences move between a dma-buf of the kernel and this program, and errors are told.
// Method: what is no dma-buf, and pipes in the place of buffers and sync files; tests/kernel has the real ones.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { putFence } from '#src/core/fence/fence.js'
import { createTimeline } from '#src/core/fence/timeline.js'
import { exportKernelFence, importKernelFence } from '#src/linux/kernel-buffer-fences.js'
import { openKernelFence } from '#src/linux/kernel-fence.js'
import { native } from '#src/linux/native.js'
import { OwnedFd } from '#src/linux/owned-fd.js'
import { DMA_BUF_IOCTL_EXPORT_SYNC_FILE } from '#src/uapi/dma-buf.js'
import { Struct } from '#src/uapi/struct.js'
import { thrownCode } from '../helpers/error-code.js'
import { FakeKernelBuffers } from '../helpers/fake-kernel-buffers.js'
import { FakeSyncFiles } from '../helpers/fake-sync-files.js'
import { openFds } from '../helpers/leaks.js'

const DONE = { status: 1, timestampNs: 7n }
const FAILED = { status: -5, timestampNs: 8n }

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

for (const [what, fences, outcome, asked] of [
  ['the fence has signalled', [DONE], 'nothing', 1],
  ['the fence is pending', [{}], 'pending', 2],
  ['the fence has failed', [FAILED], 'EIO', 2],
  ['several have signalled', [DONE, DONE], 'nothing', 4],
  ['one of several has failed', [DONE, FAILED], 'EIO', 4],
  ['there is none', [], 'nothing', 1],
] as const)
  test(`exportKernelFence where ${what}: ${outcome}, asked ${asked} times [BUF-55, SF-18]`, () => {
    using buffers = new FakeKernelBuffers()
    using files = new FakeSyncFiles()
    using buffer = buffers.make().fd
    const { fd, file } = files.make(fences)
    using inside = fd
    // An array need not know that one of its fences failed.
    if (fences.length > 1) file.status = 1
    buffers.answer = (request, argument) => {
      assert.equal(request, DMA_BUF_IOCTL_EXPORT_SYNC_FILE)
      new Struct(argument).setS32(4, inside.dup().release())
      return 0
    }
    let calls = 0
    files.onFileInfo = () => {
      calls++
    }
    const before = openFds().length
    const fence = exportKernelFence(buffer, true)
    assert.equal(calls, asked)
    assert.equal(fence === undefined ? 'nothing' : (fence.error?.code ?? fence.status), outcome)
    assert.equal(openFds().length, fence === undefined ? before : before + 1)
    putFence(fence)
    assert.equal(openFds().length, before)
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
