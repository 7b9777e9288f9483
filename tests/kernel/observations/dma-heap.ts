// DMA_HEAP_IOCTL_ALLOC: every refusal, and what a buffer of it is.
import {
  DMA_HEAP_ALLOCATION_DATA_BYTES,
  DMA_HEAP_IOCTL_ALLOC,
  encodeAllocationData,
} from '#src/uapi/dma-heap.js'
import {
  O_CLOEXEC,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  POLLIN,
  POLLOUT,
  SEEK_END,
  SEEK_SET,
} from '#src/uapi/file.js'
import { IOC_READ, IOC_WRITE, ioctlCommand } from '#src/uapi/ioctl.js'
import { allocate, number, PAGE } from '../calls.js'
import { NOWHERE, type Machine } from '../machine.js'
import type { Observation } from '../observation.js'

const BOTH = IOC_READ | IOC_WRITE
const ASKED = { lengthBytes: BigInt(PAGE), fd: 0, fdFlags: O_RDWR | O_CLOEXEC, heapFlags: 0n }

function openHeap(machine: Machine): number {
  return number(machine.open('heap', O_RDONLY))
}

function heapCommand(number: number, sizeBytes: number, direction = BOTH, magic = 'H'): number {
  return ioctlCommand({ direction, magic, number, sizeBytes })
}

async function sizeOf(machine: Machine, heap: number, lengthBytes: bigint): Promise<number> {
  const fd = number(await allocate(machine, heap, { lengthBytes }))
  const size = number(machine.lseek(fd, 0n, SEEK_END))
  machine.close(fd)
  return size
}

export const heapObservations: readonly Observation[] = [
  {
    name: 'ALLOC rounds lengths up to whole pages [HEAP-9, HEAP-11, EX-17]',
    async observe(machine, see) {
      const heap = openHeap(machine)
      for (const length of [1, PAGE - 1, PAGE, PAGE + 1, 1024 * 1024 + 1])
        see(
          `${length} bytes`,
          await sizeOf(machine, heap, BigInt(length)),
          Math.ceil(length / PAGE) * PAGE,
        )
    },
  },
  {
    name: 'ALLOC refuses what it does not know [HEAP-9, EX-17]',
    async observe(machine, see) {
      const heap = openHeap(machine)
      const refused = [
        ['no length', { lengthBytes: 0n }],
        ['a length that wraps to 0', { lengthBytes: 2n ** 64n - 1n }],
        ['a length that wraps by a page', { lengthBytes: 2n ** 64n - BigInt(PAGE) + 1n }],
        ['a descriptor', { fd: 5 }],
        ['O_NONBLOCK', { fdFlags: O_RDWR | O_NONBLOCK }],
        ['flags of 32 bits', { fdFlags: 0xffffffff }],
        ['a flag for the heap', { heapFlags: 1n }],
        ['the highest flag for the heap', { heapFlags: 2n ** 63n }],
      ] as const
      for (const [what, asked] of refused) see(what, await allocate(machine, heap, asked), 'EINVAL')
      // Control: the same with nothing wrong.
      see('control', typeof (await allocate(machine, heap, {})), 'number')
    },
  },
  {
    name: 'ALLOC faults on memory that is not there [HEAP-7]',
    async observe(machine, see) {
      const heap = openHeap(machine)
      const alloc = DMA_HEAP_IOCTL_ALLOC
      see('nowhere', await machine.ioctl(heap, alloc, NOWHERE), 'EFAULT')
      see('null', await machine.ioctl(heap, alloc, 0n), 'EFAULT')
      const half = machine.atTheEnd(encodeAllocationData(ASKED).subarray(0, 16))
      see('half of it', await machine.ioctl(heap, alloc, half), 'EFAULT')
      // The error of a bad argument is not told either where there is no way to tell.
      const bad = machine.readOnly(encodeAllocationData({ ...ASKED, heapFlags: 1n }))
      see('refused, and read only', await machine.ioctl(heap, alloc, bad), 'EFAULT')
    },
  },
  {
    name: 'A buffer that cannot be told stays open [HEAP-7]',
    async observe(machine, see) {
      const heap = openHeap(machine)
      const next = number(machine.dup(heap))
      machine.close(next)
      const page = machine.readOnly(encodeAllocationData(ASKED))
      see('ioctl', await machine.ioctl(heap, DMA_HEAP_IOCTL_ALLOC, page), 'EFAULT')
      see('size', machine.lseek(next, 0n, SEEK_END), PAGE)
      see('close', machine.close(next), 0)
    },
  },
  {
    name: 'ALLOC goes by its number alone [HEAP-5]',
    async observe(machine, see) {
      const heap = openHeap(machine)
      const size = DMA_HEAP_ALLOCATION_DATA_BYTES
      const call = (command: number) => machine.ioctl(heap, command, encodeAllocationData(ASKED))
      see('another letter', await call(heapCommand(0, size, BOTH, 'X')), 0)
      see('number 1', await call(heapCommand(1, size)), 'EINVAL')
      see('number 255', await call(heapCommand(255, size)), 'EINVAL')
    },
  },
  {
    name: 'ALLOC takes structures of other sizes [HEAP-6, HEAP-8]',
    async observe(machine, see) {
      const heap = openHeap(machine)
      const call = (command: number, bytes: Uint8Array) => machine.ioctl(heap, command, bytes)
      const asked = encodeAllocationData(ASKED)
      see('16 bytes, as it was once', await call(heapCommand(0, 16), asked.slice(0, 16)), 0)
      const longer = new Uint8Array(40).fill(0xee)
      longer.set(asked)
      see('40 bytes', await call(heapCommand(0, 40), longer), 0)
      see(
        'what is behind it',
        [...longer.subarray(24)].every((byte) => byte === 0xee),
        true,
      )
      const short = asked.slice(0, 8)
      see('8 bytes: the length', await call(heapCommand(0, 8), short), 0)
      const silent = asked.slice()
      see('one that is only read', await call(heapCommand(0, 24, IOC_WRITE), silent), 0)
      see('is not written', silent[8]!, 0)
      const unread = asked.slice()
      see('one that is only written', await call(heapCommand(0, 24, IOC_READ), unread), 'EINVAL')
    },
  },
  {
    name: 'ALLOC gives back all but the descriptor as it was [HEAP-8]',
    async observe(machine, see) {
      const heap = openHeap(machine)
      const bytes = encodeAllocationData({ ...ASKED, lengthBytes: 5n })
      see('ioctl', await machine.ioctl(heap, DMA_HEAP_IOCTL_ALLOC, bytes), 0)
      see('length', [...bytes.subarray(0, 8)], [5, 0, 0, 0, 0, 0, 0, 0])
      see('flags', [...bytes.subarray(12, 24)], [2, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    },
  },
  {
    name: 'A failed ALLOC leaves its structure as it was [HEAP-7, HEAP-9]',
    async observe(machine, see) {
      const heap = openHeap(machine)
      const bytes = encodeAllocationData({ ...ASKED, fd: 77 })
      const before = [...bytes]
      see('ioctl', await machine.ioctl(heap, DMA_HEAP_IOCTL_ALLOC, bytes), 'EINVAL')
      see('bytes', [...bytes].join() === before.join(), true)
    },
  },
  {
    name: 'ALLOC without a free descriptor fails with EMFILE [HEAP-9, BUF-15]',
    async observe(machine, see) {
      const heap = openHeap(machine)
      await machine.withFullTable(async () => {
        see('full', await allocate(machine, heap, {}), 'EMFILE')
        see('bad flags are told first', await allocate(machine, heap, { heapFlags: 1n }), 'EINVAL')
      })
      see('room again', typeof (await allocate(machine, heap, {})), 'number')
    },
  },
  {
    name: 'The flags of ALLOC are those of the file and of the descriptor [HEAP-10, BUF-9]',
    async observe(machine, see) {
      const heap = openHeap(machine)
      for (const [what, fdFlags, mode, closes] of [
        ['read and write, close on exec', O_RDWR | O_CLOEXEC, O_RDWR, true],
        ['read and write', O_RDWR, O_RDWR, false],
        ['read only', O_RDONLY, O_RDONLY, false],
        ['write only', O_WRONLY | O_CLOEXEC, O_WRONLY, true],
        ['neither', 3, 3, false],
      ] as const) {
        const fd = number(await allocate(machine, heap, { fdFlags }))
        see(what, [machine.flagsOf(fd), machine.closesOnExec(fd)], [mode, closes])
      }
    },
  },
  {
    name: 'A heap allocates whatever its own access mode is [HEAP-4]',
    async observe(machine, see) {
      for (const flags of [O_RDONLY, O_WRONLY, O_RDWR]) {
        const heap = number(machine.open('heap', flags))
        see(`opened with ${flags}`, typeof (await allocate(machine, heap, {})), 'number')
      }
    },
  },
  {
    name: 'A heap has no bytes and no position [HEAP-4]',
    async observe(machine, see) {
      const heap = number(machine.open('heap', O_RDWR))
      see('read', machine.read(heap), 'EINVAL')
      see('write', machine.write(heap), 'EINVAL')
      see('lseek', machine.lseek(heap, 0n, SEEK_SET), 'ESPIPE')
      const mapped = await machine.mmap(heap, { lengthBytes: BigInt(PAGE) })
      see('mmap', typeof mapped === 'string' ? mapped : 'mapped', 'ENODEV')
      see('poll', await machine.poll(heap, POLLIN | POLLOUT), POLLIN | POLLOUT)
    },
  },
]
