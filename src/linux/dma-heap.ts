import type { DmaBuf } from '../core/buffer/buffer.js'
import { DmaBufError } from '../core/errors.js'
import type { Heap } from '../core/heap/heap.js'
import { O_ACCMODE, O_CLOEXEC, O_RDWR } from '../uapi/file.js'
import { checkHeapLimit } from './heap-limit.js'
import { heapLength } from './heap-length.js'
import { named, newKernelBuffer } from './kernel-buffer.js'
import { inodeOf } from './memfd.js'
import { check, native } from './native.js'
import { openNode } from './open-node.js'
import { madeFd, type OwnedFd } from './owned-fd.js'

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
      const buffer = allocate(node, rounded, { heapName: name, flags })
      return named(buffer, bufferName)
    },
    close: () => node.close(),
    [Symbol.dispose]: () => node.close(),
  }
}

const inode = new Int32Array(2)

/** @rule HEAP-8, HEAP-9, HEAP-10 */
function allocate(
  node: OwnedFd,
  lengthBytes: number,
  { heapName, flags }: { readonly heapName: string; readonly flags: number },
): DmaBuf {
  if (!Number.isInteger(flags) || (flags & ~(O_ACCMODE | O_CLOEXEC)) !== 0)
    throw new DmaBufError('EINVAL', 'allocate', `flags may be an access mode: ${flags}`, {
      rule: 'HEAP-9',
    })
  const fdFlags = flags | O_CLOEXEC
  const fd = native().allocateFromHeap(node.number, lengthBytes, fdFlags, inode)
  check(fd, 'allocate', () => `Cannot allocate ${lengthBytes} bytes`)
  return newKernelBuffer(madeFd(fd), {
    exporterName: heapName,
    name: undefined,
    lengthBytes,
    inode: inodeOf(inode),
    isForeign: false,
  })
}
