// mmap of a buffer: what may be mapped, and what is there.
import {
  MAP_PRIVATE,
  MAP_SHARED,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  PROT_READ,
  PROT_WRITE,
} from '#src/uapi/file.js'
import { buffer, PAGE } from '../calls.js'
import type { Machine, MmapCall } from '../machine.js'
import type { Observation } from '../observation.js'

const RW = PROT_READ | PROT_WRITE

/** Maps and unmaps. @returns `mapped`, or the error */
async function tried(machine: Machine, fd: number, call: MmapCall): Promise<string> {
  const mapped = await machine.mmap(fd, call)
  if (typeof mapped === 'string') return mapped
  mapped.unmap()
  return 'mapped'
}

const pages = (count: number): bigint => BigInt(count * PAGE)

export const mmapObservations: readonly Observation[] = [
  {
    name: 'Any whole pages of a buffer are mapped, and none beyond [BUF-31, BUF-36, EX-18]',
    async observe(machine, see) {
      const fd = await buffer(machine, { pages: 3 })
      for (const [what, call, seen] of [
        ['all', { lengthBytes: pages(3) }, 'mapped'],
        ['the first', { lengthBytes: pages(1) }, 'mapped'],
        ['the last', { lengthBytes: pages(1), pageOffset: 2n }, 'mapped'],
        ['a byte', { lengthBytes: 1n }, 'mapped'],
        ['a byte of the last', { lengthBytes: 1n, pageOffset: 2n }, 'mapped'],
        ['one too many', { lengthBytes: pages(4) }, 'EINVAL'],
        ['a byte too many', { lengthBytes: pages(3) + 1n }, 'EINVAL'],
        ['the one behind', { lengthBytes: pages(1), pageOffset: 3n }, 'EINVAL'],
        ['two from the last', { lengthBytes: pages(2), pageOffset: 2n }, 'EINVAL'],
        ['far behind', { lengthBytes: pages(1), pageOffset: 2n ** 40n }, 'EINVAL'],
        ['the size again', { lengthBytes: pages(3), pageOffset: 3n }, 'EINVAL'],
      ] as const)
        see(what, await tried(machine, fd, call), seen)
    },
  },
  {
    name: 'Lengths and offsets that wrap are refused by mmap itself [BUF-31]',
    async observe(machine, see) {
      const fd = await buffer(machine)
      for (const [what, call, seen] of [
        ['no length', { lengthBytes: 0n }, 'EINVAL'],
        ['a length that wraps', { lengthBytes: 2n ** 64n - 1n }, 'ENOMEM'],
        ['a length without its last page', { lengthBytes: 2n ** 64n - pages(1) }, 'ENOMEM'],
        ['half of all addresses', { lengthBytes: 2n ** 63n }, 'ENOMEM'],
        ['all that a program has', { lengthBytes: 2n ** 47n }, 'ENOMEM'],
        ['an end that wraps', { lengthBytes: pages(1), pageOffset: 2n ** 52n - 1n }, 'EOVERFLOW'],
        ['an end at the limit', { lengthBytes: pages(1), pageOffset: 2n ** 52n - 2n }, 'EINVAL'],
      ] as const)
        see(what, await tried(machine, fd, call), seen)
    },
  },
  {
    name: 'What may be mapped depends on how the buffer was opened [BUF-31, HEAP-10]',
    async observe(machine, see) {
      for (const [what, fdFlags, writable, readable, unreadable] of [
        ['read and write', O_RDWR, 'mapped', 'mapped', 'mapped'],
        ['read only', O_RDONLY, 'EACCES', 'mapped', 'EACCES'],
        ['write only', O_WRONLY, 'EACCES', 'EACCES', 'EACCES'],
      ] as const) {
        const fd = await buffer(machine, { fdFlags })
        const map = (protection: number) =>
          tried(machine, fd, { lengthBytes: pages(1), protection })
        see(`${what}: PROT_READ | PROT_WRITE`, await map(RW), writable)
        see(`${what}: PROT_READ`, await map(PROT_READ), readable)
        see(`${what}: PROT_WRITE`, await map(PROT_WRITE), unreadable)
      }
    },
  },
  {
    name: 'Mappings are shared; a private one has a page at most [HEAP-16]',
    async observe(machine, see) {
      const fd = await buffer(machine, { pages: 2 })
      for (const [what, flags, count, seen] of [
        ['shared', MAP_SHARED, 2, 'mapped'],
        ['private, a page', MAP_PRIVATE, 1, 'mapped'],
        ['private, two pages', MAP_PRIVATE, 2, 'EINVAL'],
        ['neither', 0, 1, 'EINVAL'],
      ] as const)
        see(what, await tried(machine, fd, { lengthBytes: pages(count), flags }), seen)
    },
  },
  {
    name: 'What is written through a private mapping, nobody else sees [HEAP-16]',
    async observe(machine, see) {
      const fd = await buffer(machine)
      const shared = await machine.mmap(fd, { lengthBytes: pages(1) })
      const own = await machine.mmap(fd, { lengthBytes: pages(1), flags: MAP_PRIVATE })
      if (typeof shared === 'string' || typeof own === 'string') throw new Error('mmap')
      own.write(0, [7])
      see('own', own.read(0, 2), [7, 0])
      see('shared', shared.read(0, 2), [0, 0])
    },
  },
  {
    name: 'A buffer begins with zeros, and its mappings show the same bytes [BUF-20]',
    async observe(machine, see) {
      const fd = await buffer(machine, { pages: 2 })
      const one = await machine.mmap(fd, { lengthBytes: pages(2) })
      const two = await machine.mmap(fd, { lengthBytes: pages(1), pageOffset: 1n })
      if (typeof one === 'string' || typeof two === 'string') throw new Error('mmap')
      see('fresh', one.read(PAGE - 4, 8), [0, 0, 0, 0, 0, 0, 0, 0])
      two.write(0, [1, 2, 3, 4])
      see('through the other', one.read(PAGE - 1, 5), [0, 1, 2, 3, 4])
      see('close', machine.close(fd), 0)
      one.write(PAGE + 1, [9])
      see('after the descriptor', two.read(0, 4), [1, 9, 3, 4])
    },
  },
]
