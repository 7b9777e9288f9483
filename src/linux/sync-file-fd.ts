import { DmaBufError } from '../core/errors.js'
import { isFenceArray, type FenceArray } from '../core/fence/fence-array.js'
import { nameOf } from '../core/fence/fence-access.js'
import { containedFence, walkChain, type FenceChain } from '../core/fence/fence-chain.js'
import { Fence, getFence, putFence } from '../core/fence/fence.js'
import { createSyncFile, SyncFile } from '../core/sync-file.js'
import { isKernelFence, openKernelFence, syncFileOf, type KernelFence } from './kernel-fence.js'
import { checkOwnedFd, type OwnedFd } from './owned-fd.js'
import { mergeSyncFiles } from './sync-file-calls.js'

/** A sync_file whose fence is the kernel's. */
export type KernelSyncFile = SyncFile & { readonly fence: KernelFence }

/**
 * A sync_file of the kernel, as a handle on one fence: work of a GPU, of a display, of a camera. It may be waited
 * for, merged, put into the reservation of a buffer, and given back to the kernel by exportSyncFile().
 *
 * It holds the descriptor until it is closed and nobody else holds its fence. A sync_file of several fences is
 * one fence here, whose info() lists them. Where somebody waits, the event loop watches the descriptor.
 *
 * @kernel sync_file_get_fence
 * @rule SF-1, SF-3
 * @param fd - moved: closed with the fence, or now if this throws
 * @returns a handle, yours to close
 * @throws {DmaBufError} EINVAL where it is no sync_file; EBADF where it is closed
 */
export function importSyncFile(fd: OwnedFd): KernelSyncFile {
  checkOwnedFd(fd, 'importSyncFile')
  const { fence, name } = openKernelFence(fd)
  try {
    return createSyncFile(fence, name) as KernelSyncFile
  } finally {
    putFence(fence)
  }
}

/**
 * A descriptor of a sync_file, for programs and drivers that take one: explicit synchronisation. Only fences of
 * the kernel: one that this program signals must not keep the kernel waiting.
 *
 * Merged ones, arrays and chains are merged in the kernel, if all that is pending in them is the kernel's. What
 * signalled in this program is left out, as the kernel does; where nothing else is left there is no
 * descriptor to give: tell the other side that there is nothing to wait for.
 *
 * @kernel SYNC_IOC_MERGE
 * @rule FENCE-41, SF-10, SF-11
 * @param file - borrowed
 * @returns owned
 * @throws {DmaBufError} EINVAL for a fence of this program, for the first of several, and where there is none of the kernel;
 *   EBADF; EMFILE
 */
export function exportSyncFile(file: SyncFile | KernelFence | FenceArray | FenceChain): OwnedFd {
  const fence = file instanceof SyncFile ? file.fence : file
  if (!(fence instanceof Fence)) throw new TypeError('Export a sync file or a fence of the kernel')
  const leaves = kernelLeaves(fence)
  if (leaves === undefined)
    throw refused(
      `Only fences of the kernel enter the kernel, all of them, not the first of several: ${nameOf(fence)}. Wait for it here, and hand the work on then`,
    )
  const merged = mergeLeaves(leaves, file instanceof SyncFile ? file.name : '')
  if (merged !== undefined) return merged
  throw refused(
    `Nothing is left to wait for: ${nameOf(fence)} was this program's, and is done. Give no descriptor: tell the other side not to wait`,
  )
}

/**
 * The fences of the kernel that one is made of, without what has signalled of this program's; undefined where it
 * waits for something else. Borrowed.
 */
export function kernelLeaves(fence: Fence): readonly KernelFence[] | undefined {
  const leaves: KernelFence[] = []
  let node: Fence | undefined = getFence(fence)
  try {
    for (; node !== undefined; node = walkChain(node))
      if (!addLeaves(leaves, containedFence(node))) return undefined
    return leaves
  } finally {
    putFence(node)
  }
}

function addLeaves(leaves: KernelFence[], fence: Fence): boolean {
  const elements = isFenceArray(fence) ? fence.elements : [fence]
  // The first of several: merged in the kernel it would wait for all.
  if (isFenceArray(fence) && fence.any && elements.length > 1) return fence.isSignaled()
  for (const element of elements) {
    if (isKernelFence(element)) leaves.push(element)
    else if (!element.isSignaled()) return false
  }
  return true
}

/** One sync_file of several fences of the kernel, owned; undefined where there is none. */
export function mergeLeaves(leaves: readonly KernelFence[], name: string): OwnedFd | undefined {
  const [first, ...others] = leaves
  if (first === undefined) return undefined
  let merged = syncFileOf(first).dup()
  for (const leaf of others) {
    using before = merged
    merged = mergeSyncFiles(before, syncFileOf(leaf), name)
  }
  return merged
}

function refused(why: string): DmaBufError {
  return new DmaBufError('EINVAL', 'exportSyncFile', why, { rule: 'FENCE-41' })
}
