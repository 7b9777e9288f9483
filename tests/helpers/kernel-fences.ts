// What the kernel's users of a dma-buf have in it.
import type { DmaBuf } from '#src/core/buffer/buffer.js'
import { putFence } from '#src/core/fence/fence.js'
import { createSyncFile } from '#src/core/sync-file.js'
import { exportFd } from '#src/linux/buffer-fd.js'
import { exportKernelFence } from '#src/linux/kernel-buffer-fences.js'
import type { KernelSyncFile } from '#src/linux/sync-file-fd.js'

/** What a new access has to wait for in the kernel; undefined where nothing is pending. */
export function pendingOf(buffer: DmaBuf, access: 'read' | 'write'): KernelSyncFile | undefined {
  using fd = exportFd(buffer)
  const fence = exportKernelFence(fd, access === 'write')
  if (fence === undefined) return undefined
  const file = createSyncFile(fence)
  putFence(fence)
  return file as KernelSyncFile
}

/** The same where something is. */
export function syncFileOf(buffer: DmaBuf): KernelSyncFile {
  const file = pendingOf(buffer, 'write')
  if (file === undefined) throw new Error('Nothing is pending')
  return file
}
