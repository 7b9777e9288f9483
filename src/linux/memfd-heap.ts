import { exportBuffer, type DmaBuf } from '../core/buffer/buffer.js'
import type { Heap } from '../core/heap/heap.js'
import { MapMode, Mapping } from './mapping.js'
import {
  createMemfd,
  HUGE_PAGE_BYTES,
  PAGE_BYTES,
  roundUpToPages,
  sealSeals,
  statFd,
} from './memfd.js'
import { MEMORY_OF_FD, MemoryOfFd } from './memory-of-fd.js'

/** What a memfd heap can be told. */
export interface MemfdHeapOptions {
  /** Seen in /proc/PID/maps and fd of every process that has the buffer, behind `memfd:dmabuf:`. */
  readonly name?: string
  /** 2 MiB pages of the system's pool: fewer TLB misses for large frames. */
  readonly hugePages?: boolean
}

/**
 * A heap of memfds: ordinary memory that other processes can map, sealed against shrinking and growing.
 *
 * @throws {DmaBufError} ERR_DMABUF_NATIVE_UNAVAILABLE at the first allocation
 */
export function openMemfdHeap(options: MemfdHeapOptions = {}): Heap {
  const { name = 'memfd', hugePages = false } = options
  return {
    kind: 'memfd',
    name,
    losses: ['No device can import it: it is memory of this machine, not a kernel dma-buf.'],
    allocate(lengthBytes, { name: bufferName } = {}): DmaBuf {
      if (!Number.isSafeInteger(lengthBytes) || lengthBytes < 1)
        throw new RangeError(`lengthBytes must be a safe integer from 1: ${lengthBytes}`)
      const rounded = roundUpToPages(lengthBytes, hugePages ? HUGE_PAGE_BYTES : PAGE_BYTES)
      const fd = createMemfd(bufferName ?? name, rounded, { hugePages })
      try {
        sealSeals(fd)
        return exportBuffer({
          exporterName: name,
          lengthBytes: rounded,
          ops: MEMORY_OF_FD,
          state: new MemoryOfFd(fd, new Mapping(fd, rounded, MapMode.shared)),
          inode: statFd(fd).inode,
          name: bufferName,
        })
      } catch (error) {
        fd.close()
        throw error
      }
    },
  }
}
