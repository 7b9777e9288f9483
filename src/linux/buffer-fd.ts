import type { DmaBuf } from '../core/buffer/buffer.js'
import { exportBuffer } from '../core/buffer/buffer.js'
import { DmaBufError } from '../core/errors.js'
import { MapMode, Mapping } from './mapping.js'
import { checkReceivedMemory, isSealedForReaders, statFd } from './memfd.js'
import { fdOf, MEMORY_OF_FD, MemoryOfFd } from './memory-of-fd.js'
import type { OwnedFd } from './owned-fd.js'

/** A new descriptor of a buffer's memory, yours to send or close. @kernel dma_buf_fd @rule BUF-15 */
export function exportFd(buffer: DmaBuf): OwnedFd {
  return fdOf(buffer, 'exportFd').dup()
}

/**
 * A buffer of memory that somebody sent: a memfd sealed against shrinking, mapped once.
 *
 * @kernel dma_buf_get
 * @param fd - moved: closed with the buffer, or now if this throws
 * @param options.lengthBytes - what the sender claims; the file's length where absent
 * @param options.access - 'read' (default): stores go to pages of our own, never to the owner's memory
 * @throws {DmaBufError} EPROTO where it is no memory, not sealed, or too small; EPERM where its owner sealed
 *   it against writers and `access` is 'readwrite'
 */
export function importFd(
  fd: OwnedFd,
  options: { lengthBytes?: number; access?: 'read' | 'readwrite'; exporterName?: string } = {},
): DmaBuf {
  try {
    checkReceivedMemory(fd, options.lengthBytes ?? 1, 'a buffer')
    if (options.access === 'readwrite' && isSealedForReaders(fd))
      throw new DmaBufError(
        'EPERM',
        'importFd',
        `The memory is read-only for everybody but its owner: ask for access 'read'`,
      )
    const { lengthBytes, inode } = statFd(fd)
    const mode = options.access === 'readwrite' ? MapMode.shared : MapMode.private
    const state = new MemoryOfFd(fd, new Mapping(fd, options.lengthBytes ?? lengthBytes, mode))
    return exportBuffer({
      exporterName: options.exporterName ?? 'import',
      lengthBytes: options.lengthBytes ?? lengthBytes,
      ops: MEMORY_OF_FD,
      state,
      inode,
    })
  } catch (error) {
    fd.close()
    throw error
  }
}
