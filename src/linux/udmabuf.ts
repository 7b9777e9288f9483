import { checkName } from '../core/buffer/buffer-name.js'
import { DmaBuf } from '../core/buffer/buffer.js'
import { DmaBufError, errnoName } from '../core/errors.js'
import type { Heap } from '../core/heap/heap.js'
import {
  encodeUdmabufCreateList,
  UDMABUF_CREATE_LIST,
  UDMABUF_FLAGS_CLOEXEC,
  type UdmabufItem,
} from '../uapi/udmabuf.js'
import { checkHeapLimit } from './heap-limit.js'
import { heapLength } from './heap-length.js'
import { tryIoctl } from './ioctl.js'
import { bufferOfKernelFd, named } from './kernel-buffer.js'
import { createMemfd, statFd } from './memfd.js'
import { fdOf } from './memory-of-fd.js'
import { check, MapMode, native } from './native.js'
import { openNode } from './open-node.js'
import { OwnedFd } from './owned-fd.js'

/** Makes buffers of memfds. */
export const UDMABUF_NODE = '/dev/udmabuf'

const LIMITED = 'A buffer has 64 MiB at most, unless /sys/module/udmabuf/parameters say otherwise.'
const UNATTACHED =
  'The start of an access does nothing for caches while no device is attached: only devices that see what the CPU sees.'
const SCATTERED = 'It is in pages: a device that needs one piece and has no IOMMU cannot import it.'

/** What the kernel makes one buffer of by default. */
const MOST_TOUCHED_BYTES = 64 * 1024 * 1024

/** A part of some memory, in whole pages. */
export interface MemoryPart {
  /** A memfd sealed against shrinking, not against writing; or a buffer of a memfd heap. Borrowed. */
  readonly memory: OwnedFd | DmaBuf
  /** 0 where absent. */
  readonly offsetBytes?: number
  /** All from there on where absent. */
  readonly lengthBytes?: number
}

/**
 * A dma-buf of parts of memfds, one after the other, in any order and as often as you like: a device that imports it
 * sees the pages themselves, as does whoever has the memfds mapped. Pages beyond the first 64 MiB of a memfd that were
 * reserved with fallocate have to have been touched before: others have what was in them. They cannot be sealed against writing while it
 * lives.
 *
 * @kernel UDMABUF_CREATE_LIST
 * @rule UDM-5, UDM-6, UDM-7, UDM-8, UDM-11
 * @param parts - 1 to 1024
 * @returns owned: close it. The memfds may be closed before
 * @throws {DmaBufError} EINVAL for parts that are no whole pages or beyond the end, too many or too large, and for
 *   memory that is not sealed against shrinking or is sealed against writing; EBADFD for what is no memfd; ENOENT,
 *   EACCES where the machine has no /dev/udmabuf for us; ENOMEM, also where this process has no room for looking at the
 *   memory; EMFILE
 */
export function createUdmabuf(
  parts: readonly MemoryPart[],
  options: { name?: string } = {},
): DmaBuf {
  for (const part of parts) checkPart(part)
  using node = openNode(UDMABUF_NODE)
  for (const part of parts) touchPart(part)
  const cannot = (): string =>
    `Cannot make a buffer of memory (parts: ${parts.length}): ${REQUIREMENTS}`
  return named(bufferOf(node, parts, cannot), options.name)
}

/**
 * A heap of memfds whose buffers are dma-bufs.
 *
 * @param options.maxLengthBytes - a limit of your own; half of the memory that is available where absent
 * @throws {DmaBufError} ENOENT, EACCES, with what to do
 */
export function openUdmabufHeap(options: { readonly maxLengthBytes?: number } = {}): Heap {
  const node = openNode(UDMABUF_NODE)
  return {
    kind: 'udmabuf',
    name: 'udmabuf',
    losses: [LIMITED, UNATTACHED, SCATTERED],
    allocate(lengthBytes, { name } = {}): DmaBuf {
      const rounded = heapLength(lengthBytes)
      checkHeapLimit(rounded, options.maxLengthBytes)
      if (name !== undefined) checkName(name, 'allocate')
      using memory = createMemfd(name ?? 'udmabuf', rounded)
      touch(memory, rounded)
      const cannot = (): string =>
        `Cannot make a buffer of ${rounded} bytes: udmabuf makes up to ${SIZE_LIMIT} MiB`
      return named(bufferOf(node, [{ memory, lengthBytes: rounded }], cannot), name)
    },
    close: () => node.close(),
    [Symbol.dispose]: () => node.close(),
  }
}

function bufferOf(node: OwnedFd, parts: readonly MemoryPart[], cannot: () => string): DmaBuf {
  const items = parts.map(itemOf)
  const argument = encodeUdmabufCreateList({ flags: UDMABUF_FLAGS_CLOEXEC, items })
  const fd = tryIoctl(node, UDMABUF_CREATE_LIST, argument)
  const isOfParts = ['EINVAL', 'EBADFD'].includes(errnoName(-fd))
  check(fd, 'createUdmabuf', () => (isOfParts ? cannot() : 'Cannot make a buffer'))
  return bufferOfKernelFd(OwnedFd.adopt(fd), { exporterName: 'udmabuf', isForeign: false })
}

const SIZE_LIMIT = '/sys/module/udmabuf/parameters/size_limit_mb'
const REQUIREMENTS =
  'each a memfd that is sealed against shrinking and not against writing, in whole pages within its length; ' +
  `at most /sys/module/udmabuf/parameters/list_limit parts and ${SIZE_LIMIT} MiB together`

function memoryFd(memory: OwnedFd | DmaBuf): OwnedFd {
  return memory instanceof DmaBuf ? fdOf(memory, 'createUdmabuf') : memory
}

/** What mmap says of a descriptor that is no memory: udmabuf refuses it after this, with its reason. */
const NO_MEMORY: readonly (string | undefined)[] = ['EBADF', 'ENODEV', 'EINVAL']

/**
 * Lets pages be cleared that are reserved (fallocate) and were never touched. Linux 6.12 takes them for a buffer with what
 * was in them before, and clears them, and what was written to the buffer, when somebody touches the memfd.
 *
 * @rule UDM-8
 * @throws {DmaBufError} ENOMEM where the memory cannot be mapped here: its pages would be cleared later
 */
function touch(fd: OwnedFd, lengthBytes: number): void {
  const mapping = native().map(fd.number, lengthBytes, MapMode.readOnly)
  if (typeof mapping !== 'number') {
    native().unmap(mapping)
    return
  }
  const code = errnoName(-mapping)
  if (NO_MEMORY.includes(code)) return
  const message = `Cannot map the ${lengthBytes} bytes of memory that a buffer is to be made of`
  throw new DmaBufError(code, 'createUdmabuf', message)
}

/** @throws {TypeError} for what is no memory @throws {RangeError} for what is no part */
function checkPart({ memory, offsetBytes = 0, lengthBytes = 0 }: MemoryPart): void {
  if (!(memory instanceof OwnedFd) && !(memory instanceof DmaBuf))
    throw new TypeError('memory must be an OwnedFd or a buffer of a memfd heap')
  wholeNumber(offsetBytes, 'offsetBytes')
  wholeNumber(lengthBytes, 'lengthBytes')
}

/** Only of memory that is not much longer than a buffer may be: all before the part is touched, too. */
function touchPart({ memory, offsetBytes = 0, lengthBytes }: MemoryPart): void {
  const fd = memoryFd(memory)
  const end = lengthBytes === undefined ? statFd(fd).lengthBytes : offsetBytes + lengthBytes
  if (Number.isSafeInteger(end) && end > 0 && end <= MOST_TOUCHED_BYTES) touch(fd, end)
}

function itemOf({ memory, offsetBytes = 0, lengthBytes }: MemoryPart): UdmabufItem {
  const fd = memoryFd(memory)
  const length = lengthBytes ?? Math.max(0, statFd(fd).lengthBytes - offsetBytes)
  return {
    memfd: fd.number,
    offsetBytes: wholeNumber(offsetBytes, 'offsetBytes'),
    lengthBytes: wholeNumber(length, 'lengthBytes'),
  }
}

function wholeNumber(value: number, name: string): bigint {
  if (Number.isSafeInteger(value) && value >= 0) return BigInt(value)
  throw new RangeError(`${name} must be a safe integer from 0: ${value}`)
}
