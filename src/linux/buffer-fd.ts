import type { DmaBuf } from '../core/buffer/buffer.js'
import { exportBuffer } from '../core/buffer/buffer.js'
import { DmaBufError } from '../core/errors.js'
import { bufferOfKernelFd, isKernelBuffer } from './kernel-buffer.js'
import { MapMode, Mapping } from './mapping.js'
import { checkReceivedMemory, isSealedForReaders, statFd } from './memfd.js'
import { fdOf, MEMORY_OF_FD, MemoryOfFd } from './memory-of-fd.js'
import { checkOwnedFd, type OwnedFd } from './owned-fd.js'

/** A new descriptor of a buffer's memory, yours to send or close. @kernel dma_buf_fd @rule BUF-15 */
export function exportFd(buffer: DmaBuf): OwnedFd {
  return fdOf(buffer, 'exportFd').dup()
}

/**
 * A buffer of memory that somebody sent: a buffer of the kernel's, or a memfd sealed against shrinking, mapped once.
 *
 * Of a buffer of the kernel's all descriptors give handles on one object, with the length and the name that the kernel
 * has; a mapping of it is always shared, so that `access` changes nothing: what you store there, others see.
 *
 * @kernel dma_buf_get
 * @param fd - moved: closed with the buffer, or now if this throws
 * @param options.lengthBytes - what the sender claims; the file's length where absent
 * @param options.access - 'read' (default): stores go to pages of our own, never to the owner's memory
 * @throws {TypeError} for what is no OwnedFd, or no access
 * @throws {DmaBufError} EPROTO where it is no memory, not sealed, or too small; EPERM where its owner sealed
 *   it against writers and `access` is 'readwrite'; EINVAL for what is no length
 */
export function importFd(
  fd: OwnedFd,
  options: { lengthBytes?: number; access?: 'read' | 'readwrite'; exporterName?: string } = {},
): DmaBuf {
  checkOwnedFd(fd, 'importFd')
  try {
    checkOptions(options)
    checkReceivedMemory(fd, options.lengthBytes ?? 1, 'a buffer')
    if (isKernelBuffer(fd)) return bufferOfKernelFd(fd, { isForeign: true })
    if (options.access === 'readwrite' && isSealedForReaders(fd))
      throw new DmaBufError(
        'EPERM',
        'importFd',
        `The memory is read-only for everybody but its owner: ask for access 'read'`,
      )
    const { lengthBytes, inode } = statFd(fd)
    const mode = options.access === 'readwrite' ? MapMode.shared : MapMode.private
    const mapped = options.lengthBytes ?? lengthBytes
    return exportBuffer({
      exporterName: options.exporterName ?? 'import',
      lengthBytes: mapped,
      ops: MEMORY_OF_FD,
      state: new MemoryOfFd(fd, mapped, new Mapping(fd, mapped, mode)),
      inode,
    })
  } catch (error) {
    fd.close()
    throw error
  }
}

function checkOptions({
  lengthBytes = 1,
  access = 'read',
}: {
  readonly lengthBytes?: number
  readonly access?: string
}): void {
  // Stores into what was asked for by another word would go nowhere.
  if (access !== 'read' && access !== 'readwrite')
    throw new TypeError(`access must be 'read' or 'readwrite': ${access}`)
  if (Number.isSafeInteger(lengthBytes) && lengthBytes >= 1) return
  const message = `lengthBytes must be a safe integer from 1: ${String(lengthBytes)}`
  throw new DmaBufError('EINVAL', 'importFd', message)
}
