import { checkName } from '../core/buffer/buffer-name.js'
import { exportBuffer, type DmaBuf } from '../core/buffer/buffer.js'
import type { Heap } from '../core/heap/heap.js'
import { heapLength } from './heap-length.js'
import { checkHeapLimit } from './heap-limit.js'
import { MapMode, Mapping } from './mapping.js'
import {
  createMemfd,
  HUGE_PAGE_BYTES,
  PAGE_BYTES,
  sealForReaders,
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
  /** Nobody but this process can write to the memory (F_SEAL_FUTURE_WRITE), whoever gets a descriptor of it. */
  readonly readOnlyForOthers?: boolean
  /** Longest buffer, in bytes; all the machine has where absent. */
  readonly maxLengthBytes?: number
}

const NO_DEVICE = 'No device can import it: it is memory of this machine, not a kernel dma-buf.'
const OTHERS_WRITE =
  'Whoever gets a descriptor of a buffer can write to it, unless the heap is made with readOnlyForOthers.'
const OTHERS_READ =
  'Nobody but the process that allocates it can write to it: a filter in place cannot.'

/**
 * A heap of memfds: ordinary memory that other processes can map, sealed against shrinking and growing.
 *
 * @throws {DmaBufError} ERR_DMABUF_NATIVE_UNAVAILABLE at the first allocation
 */
export function openMemfdHeap(options: MemfdHeapOptions = {}): Heap {
  const { name = 'memfd', hugePages = false, readOnlyForOthers = false, maxLengthBytes } = options
  return {
    kind: 'memfd',
    name,
    losses: [NO_DEVICE, readOnlyForOthers ? OTHERS_READ : OTHERS_WRITE],
    allocate(lengthBytes, { name: bufferName } = {}): DmaBuf {
      if (maxLengthBytes !== undefined) checkHeapLimit(lengthBytes, maxLengthBytes)
      const rounded = heapLength(lengthBytes, hugePages ? HUGE_PAGE_BYTES : PAGE_BYTES)
      if (bufferName !== undefined) checkName(bufferName, 'allocate')
      const fd = createMemfd(bufferName ?? name, rounded, { hugePages })
      try {
        const mapping = new Mapping(fd, rounded, MapMode.shared)
        // Our own mapping is there already: it stays writable.
        if (readOnlyForOthers) sealForReaders(fd)
        else sealSeals(fd)
        return exportBuffer({
          exporterName: name,
          lengthBytes: rounded,
          ops: MEMORY_OF_FD,
          state: new MemoryOfFd(fd, rounded, mapping),
          inode: statFd(fd).inode,
          name: bufferName,
        })
      } catch (error) {
        fd.close()
        throw error
      }
    },
    // Every buffer has its own descriptor; the heap has none.
    close() {},
    [Symbol.dispose]() {},
  }
}
