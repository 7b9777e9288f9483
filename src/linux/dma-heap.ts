import type { DmaBuf } from '../core/buffer/buffer.js'
import type { Heap } from '../core/heap/heap.js'
import {
  decodeAllocationData,
  DMA_HEAP_IOCTL_ALLOC,
  encodeAllocationData,
} from '../uapi/dma-heap.js'
import { O_ACCMODE, O_CLOEXEC, O_RDWR } from '../uapi/file.js'
import { checkHeapLimit } from './heap-limit.js'
import { heapLength } from './heap-length.js'
import { ioctl } from './ioctl.js'
import { bufferOfKernelFd, named } from './kernel-buffer.js'
import { openNode } from './open-node.js'
import { OwnedFd } from './owned-fd.js'

/** Where the kernel's heaps are. */
export const HEAP_FOLDER = '/dev/dma_heap'

const CONTIGUOUS = 'It is limited to an area that was set aside when the machine started.'
const SCATTERED =
  'It is in pieces: a device that needs one piece and has no IOMMU cannot import it.'
const SHARED = 'Whoever gets a descriptor of a buffer can write to it, viewers included.'

/**
 * A heap of the kernel's: its buffers are dma-bufs, which devices import.
 *
 * @kernel /dev/dma_heap/NAME
 * @param name - `system`; `reserved`, `linux,cma` or `default_cma_region` for one piece each
 * @param options.maxLengthBytes - a limit of your own; half of the memory that is available where absent
 * @throws {DmaBufError} ENOENT, EACCES, with what to do
 */
export function openDmaHeap(
  name: string,
  options: { readonly maxLengthBytes?: number } = {},
): Heap {
  if (!/^[^/\0]+$/.test(name) || name === '.' || name === '..')
    throw new RangeError(`A heap's name is that of its node in ${HEAP_FOLDER}: ${name}`)
  const node = openNode(`${HEAP_FOLDER}/${name}`)
  return {
    kind: 'dma-heap',
    name,
    losses: [name === 'system' ? SCATTERED : CONTIGUOUS, SHARED],
    allocate(lengthBytes, { name: bufferName, flags = O_RDWR } = {}): DmaBuf {
      const rounded = heapLength(lengthBytes)
      checkHeapLimit(rounded, options.maxLengthBytes)
      const fd = allocate(node, rounded, flags)
      return named(bufferOfKernelFd(fd, { exporterName: name, isForeign: false }), bufferName)
    },
    close: () => node.close(),
    [Symbol.dispose]: () => node.close(),
  }
}

/** @rule HEAP-8, HEAP-9, HEAP-10 */
function allocate(node: OwnedFd, lengthBytes: number, flags: number): OwnedFd {
  const argument = encodeAllocationData({
    lengthBytes: BigInt(lengthBytes),
    fd: 0,
    fdFlags: (flags & O_ACCMODE) | O_CLOEXEC,
    heapFlags: 0n,
  })
  ioctl(node, DMA_HEAP_IOCTL_ALLOC, argument, {
    operation: 'allocate',
    message: () => `Cannot allocate ${lengthBytes} bytes`,
  })
  return OwnedFd.adopt(decodeAllocationData(argument).fd)
}
