import { objectByInode } from '../core/buffer/buffer-list.js'
import { DmaBuf, exportBuffer } from '../core/buffer/buffer.js'
import type { ExporterOps } from '../core/buffer/exporter.js'
import { DMA_BUF_MAGIC, DMA_BUF_SET_NAME_B } from '../uapi/dma-buf.js'
import { Struct } from '../uapi/struct.js'
import { fdInfo } from './fd-info.js'
import { ioctl } from './ioctl.js'
import { exportKernelFence, importKernelFence } from './kernel-buffer-fences.js'
import { KernelMemory } from './kernel-memory.js'
import { beginKernelAccess, endKernelAccess, tryBeginKernelAccess } from './kernel-sync.js'
import { statFd } from './memfd.js'
import { MEMORY_OF_FD } from './memory-of-fd.js'
import { native } from './native.js'
import type { OwnedFd } from './owned-fd.js'

/** The exporter of buffers that the kernel has: its ops are calls to the kernel. */
const KERNEL_BUFFER: ExporterOps<KernelMemory> = {
  ...MEMORY_OF_FD,
  beginCpuAccess: beginKernelAccess,
  tryBeginCpuAccess: tryBeginKernelAccess,
  endCpuAccess: endKernelAccess,
  poll: (events, wake, memory) => memory.poll(events, wake),
  stopPolling: (memory) => memory.stopPolling(),
  exportFence: (write, { fd }) => exportKernelFence(fd, write),
  importFence(fence, write, memory) {
    const isAdded = importKernelFence(memory.fd, fence, write)
    if (isAdded) memory.isForeign = true
    return isAdded
  },
  setName: (name, { fd }) => nameBuffer(fd, name),
  release: (memory) => memory.release(),
}

/** Whether a descriptor is a buffer of the kernel's. @rule BUF-14 @throws {DmaBufError} EBADF for a closed one */
export function isKernelBuffer(fd: OwnedFd): boolean {
  return native().fileSystem(fd.number) === DMA_BUF_MAGIC
}

/**
 * A handle on the buffer behind a descriptor that is one of the kernel's: one object each, however often a descriptor
 * of it comes in.
 *
 * @rule BUF-16, BUF-17
 * @param fd - moved
 * @param about.exporterName - read from /proc where absent
 * @param about.isForeign - whether somebody else may have a descriptor of it
 */
export function bufferOfKernelFd(
  fd: OwnedFd,
  about: { readonly exporterName?: string; readonly isForeign: boolean },
): DmaBuf {
  try {
    const { lengthBytes, inode } = statFd(fd)
    const known = objectByInode(inode, (object) => object.state instanceof KernelMemory)
    if (known === undefined) {
      const { exporterName, name } = describe(fd, about.exporterName)
      const { isForeign } = about
      return newKernelBuffer(fd, { exporterName, name, lengthBytes, inode, isForeign })
    }
    const buffer = new DmaBuf(known)
    fd.close()
    return buffer
  } catch (error) {
    fd.close()
    throw error
  }
}

/** A buffer that this thread does not have yet. @param fd - moved */
export function newKernelBuffer(fd: OwnedFd, about: NewBuffer): DmaBuf {
  try {
    const { exporterName, name, lengthBytes, inode, isForeign } = about
    const state = new KernelMemory(fd, lengthBytes)
    state.isForeign = isForeign
    return exportBuffer({ exporterName, name, lengthBytes, inode, ops: KERNEL_BUFFER, state })
  } catch (error) {
    fd.close()
    throw error
  }
}

/** What is known of a buffer. */
interface NewBuffer {
  readonly exporterName: string
  readonly name: string | undefined
  readonly lengthBytes: number
  readonly inode: bigint
  /** Whether somebody else may have a descriptor of it. */
  readonly isForeign: boolean
}

/** The buffer with that name; closed where it cannot have it. */
export function named(buffer: DmaBuf, name: string | undefined): DmaBuf {
  try {
    if (name !== undefined) buffer.setName(name)
    return buffer
  } catch (error) {
    buffer.close()
    throw error
  }
}

/** Gives a buffer its name, in the kernel. @rule BUF-52, BUF-53 @param name - at most 31 bytes */
function nameBuffer(fd: OwnedFd, name: string): void {
  ioctl(fd, DMA_BUF_SET_NAME_B, Struct.ofSize(32).setName(0, name).bytes, {
    operation: 'setName',
    message: () => `Cannot name a buffer ${name}`,
  })
}

function describe(
  fd: OwnedFd,
  exporterName: string | undefined,
): { exporterName: string; name: string | undefined } {
  if (exporterName !== undefined) return { exporterName, name: undefined }
  const { exporterName: found = 'dma-buf', name } = fdInfo(fd) ?? {}
  return { exporterName: found, name: name === '' ? undefined : name }
}
