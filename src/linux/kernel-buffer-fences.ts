import { putFence, type Fence } from '../core/fence/fence.js'
import {
  decodeSyncFileArgument,
  DMA_BUF_IOCTL_EXPORT_SYNC_FILE,
  DMA_BUF_IOCTL_IMPORT_SYNC_FILE,
  DMA_BUF_SYNC_FILE_BYTES,
  DMA_BUF_SYNC_READ,
  DMA_BUF_SYNC_RW,
  encodeSyncFileArgument,
} from '../uapi/dma-buf.js'
import { Struct } from '../uapi/struct.js'
import { ioctl, type Purpose } from './ioctl.js'
import { openKernelFence, type KernelFence } from './kernel-fence.js'
import { native } from './native.js'
import { OwnedFd } from './owned-fd.js'
import { isSyncFileOver } from './sync-file-calls.js'
import { kernelLeaves, mergeLeaves } from './sync-file-fd.js'

/** Calls are over when they return: one will do for all. */
const argument = Struct.ofSize(DMA_BUF_SYNC_FILE_BYTES)

const EXPORT: Purpose = {
  operation: 'export sync file',
  message: () => 'Cannot take the fences of a buffer out of the kernel',
}
const IMPORT: Purpose = {
  operation: 'import sync file',
  message: () => 'Cannot put a fence into a buffer in the kernel',
}

/**
 * What an access to a dma-buf has to wait for in the kernel, as it is now.
 *
 * @kernel DMA_BUF_IOCTL_EXPORT_SYNC_FILE
 * @rule BUF-55, BUF-56
 * @param dmaBuf - borrowed
 * @param write - whether the access writes: it waits for readers and writers then, otherwise for writers
 * @returns with one reference, the caller's; undefined where nothing is pending and nothing failed
 * @throws {DmaBufError} EMFILE, ENOMEM; ENOTTY before Linux 6.0
 */
export function exportKernelFence(dmaBuf: OwnedFd, write: boolean): KernelFence | undefined {
  const bytes = encodeSyncFileArgument({ flags: flagsOf(write), fd: -1 }, argument)
  ioctl(dmaBuf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, bytes, EXPORT)
  const { fd } = decodeSyncFileArgument(argument)
  // Most buffers have nothing pending, and are asked often.
  if (isSyncFileOver(fd)) {
    native().close(fd)
    return undefined
  }
  const { fence } = openKernelFence(OwnedFd.adopt(fd))
  // As it was read just now: its status would be asked for again.
  if (fence.timestampNs === undefined || fence.error !== undefined) return fence
  putFence(fence)
  return undefined
}

/**
 * Makes the kernel's users of a dma-buf wait for a fence of the kernel.
 *
 * @kernel DMA_BUF_IOCTL_IMPORT_SYNC_FILE
 * @rule BUF-57, BUF-58, FENCE-41
 * @param dmaBuf - borrowed
 * @param fence - borrowed; of one that this program has finished nothing is left to be waited for
 * @param write - whether the work behind it writes: nobody may read meanwhile then
 * @returns false for a fence of this program, which never enters the kernel
 * @throws {DmaBufError} ENOMEM, EMFILE; ENOTTY before Linux 6.0
 */
export function importKernelFence(dmaBuf: OwnedFd, fence: Fence, write: boolean): boolean {
  const leaves = kernelLeaves(fence)
  if (leaves === undefined) return false
  using file = mergeLeaves(leaves, '')
  if (file === undefined) return true
  const bytes = encodeSyncFileArgument({ flags: flagsOf(write), fd: file.number }, argument)
  ioctl(dmaBuf, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, bytes, IMPORT)
  return true
}

function flagsOf(write: boolean): number {
  return write ? DMA_BUF_SYNC_RW : DMA_BUF_SYNC_READ
}
