import { totalmem } from 'node:os'
import { DmaBufError } from '../core/errors.js'
import { DMA_BUF_MAGIC } from '../uapi/dma-buf.js'
import { check, native } from './native.js'
import { madeFd, type OwnedFd } from './owned-fd.js'

const MFD_ALLOW_SEALING = 2
const MFD_HUGETLB = 4

const F_SEAL_SEAL = 1
const F_SEAL_SHRINK = 2
const F_SEAL_GROW = 4
const F_SEAL_WRITE = 8
const F_SEAL_FUTURE_WRITE = 16

/** The seal without which a peer could make our mapping fault by cutting the file. */
export const REQUIRED_SEALS = F_SEAL_SHRINK

/** The granularity of memory, in bytes. */
export const PAGE_BYTES = 4096

/** The granularity of huge pages, in bytes. */
export const HUGE_PAGE_BYTES = 2 * 1024 * 1024

/** Rounds a length up to whole pages. */
export function roundUpToPages(lengthBytes: number, pageBytes = PAGE_BYTES): number {
  return Math.ceil(lengthBytes / pageBytes) * pageBytes
}

/**
 * A new memfd of this length, all its memory reserved, sealed against shrinking and growing.
 *
 * @param options.hugePages - 2 MiB pages from the system's pool (vm.nr_hugepages)
 * @throws {DmaBufError} ENOMEM
 */
export function createMemfd(
  name: string,
  lengthBytes: number,
  options: { hugePages?: boolean } = {},
): OwnedFd {
  const huge = options.hugePages === true
  // Reserving goes on until memory is short, and then the kernel kills whoever it likes.
  if (lengthBytes > totalmem())
    throw new DmaBufError(
      'ENOMEM',
      'memfd',
      `Cannot reserve ${lengthBytes} bytes: this machine has ${totalmem()}`,
    )
  const flags = MFD_ALLOW_SEALING | (huge ? MFD_HUGETLB : 0)
  const fd = madeFd(
    check(native().memfd(`dmabuf:${name}`, flags), 'memfd', () => `Cannot make a memfd ${name}`),
  )
  try {
    const what = (): string =>
      huge
        ? `Cannot reserve ${lengthBytes} bytes of huge pages: raise vm.nr_hugepages, or do without`
        : `Cannot reserve ${lengthBytes} bytes`
    check(native().truncate(fd.number, lengthBytes), 'memfd', what)
    check(native().allocate(fd.number, lengthBytes), 'memfd', what)
    check(
      native().addSeals(fd.number, F_SEAL_SHRINK | F_SEAL_GROW),
      'memfd',
      () => 'Cannot seal a memfd',
    )
    return fd
  } catch (error) {
    fd.close()
    throw error
  }
}

/** Whether nobody can map a descriptor's memory for writing any more. */
export function isSealedForReaders(fd: OwnedFd): boolean {
  const seals = native().getSeals(fd.number)
  return seals > 0 && (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) !== 0
}

/** Forbids everybody else to map the memfd for writing, and any further seal. Map it yourself before. */
export function sealForReaders(fd: OwnedFd): void {
  check(
    native().addSeals(fd.number, F_SEAL_FUTURE_WRITE | F_SEAL_SEAL),
    'memfd',
    () => 'Cannot seal a page against writers',
  )
}

/** Forbids any further seal: a peer cannot freeze our buffers. */
export function sealSeals(fd: OwnedFd): void {
  check(native().addSeals(fd.number, F_SEAL_SEAL), 'memfd', () => 'Cannot seal a memfd')
}

const scratch = new Int32Array(2)

/** Length and inode of an open file. */
export function statFd(fd: OwnedFd): { lengthBytes: number; inode: bigint } {
  const lengthBytes = check(
    native().stat(fd.number, scratch),
    'stat',
    () => 'Cannot stat a descriptor',
  )
  return { lengthBytes, inode: inodeOf(scratch) }
}

/** The number of an inode, of which the addon gives the low word and the high one. */
export function inodeOf(words: Int32Array): bigint {
  const high = words[1]! >>> 0
  const low = words[0]! >>> 0
  // Few are as long as that, and the sum of two is dear.
  return high === 0 ? BigInt(low) : (BigInt(high) << 32n) | BigInt(low)
}

/**
 * Makes sure that a descriptor from a peer can be mapped safely: memory, sealed against shrinking or a buffer of the
 * kernel's, whose length is fixed, and at least as long as claimed.
 *
 * @throws {DmaBufError} EPROTO, saying which of it is wrong
 */
export function checkReceivedMemory(fd: OwnedFd, lengthBytes: number, what: string): void {
  const isKernels = native().fileSystem(fd.number) === DMA_BUF_MAGIC
  const seals = isKernels ? REQUIRED_SEALS : native().getSeals(fd.number)
  if (seals < 0) throw new DmaBufError('EPROTO', 'receive', `The peer sent no memory as ${what}`)
  if ((seals & REQUIRED_SEALS) !== REQUIRED_SEALS)
    throw new DmaBufError(
      'EPROTO',
      'receive',
      `The peer sent ${what} that is not sealed against shrinking`,
    )
  const actual = statFd(fd).lengthBytes
  if (actual < lengthBytes)
    throw new DmaBufError(
      'EPROTO',
      'receive',
      `The peer sent ${what} of ${actual} bytes, too small for ${lengthBytes}`,
    )
}
