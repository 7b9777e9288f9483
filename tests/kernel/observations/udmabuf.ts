// /dev/udmabuf: buffers of parts of memfds.
import { O_RDONLY, O_RDWR, SEEK_END, MAP_PRIVATE } from '#src/uapi/file.js'
import { IOC_READ, IOC_WRITE, ioctlCommand } from '#src/uapi/ioctl.js'
import * as uapi from '#src/uapi/udmabuf.js'
import { buffer, number, PAGE, sync } from '../calls.js'
import { NOWHERE, SEAL, type Machine, type Outcome } from '../machine.js'
import type { Observation } from '../observation.js'

const PAGES = 4
const HUGE = 2 * 1024 * 1024
const MOST_BYTES = 64 * 1024 * 1024
const MOST_ITEMS = 1024

const bytes = (pages: number): bigint => BigInt(pages * PAGE)
const memfd = (machine: Machine, seals: number = SEAL.shrink): number =>
  machine.memfd(PAGES * PAGE, seals)

function create(machine: Machine, asked: Partial<uapi.UdmabufCreate>): Promise<Outcome> {
  const node = number(machine.open('udmabuf', O_RDWR))
  const whole = { memfd: -1, flags: 0, offsetBytes: 0n, lengthBytes: bytes(PAGES) }
  const argument = uapi.encodeUdmabufCreate({ ...whole, ...asked })
  return machine.ioctl(node, uapi.UDMABUF_CREATE, argument)
}

function createList(
  machine: Machine,
  items: readonly uapi.UdmabufItem[],
  flags = 0,
): Promise<Outcome> {
  const node = number(machine.open('udmabuf', O_RDWR))
  const argument = uapi.encodeUdmabufCreateList({ flags, items })
  return machine.ioctl(node, uapi.UDMABUF_CREATE_LIST, argument)
}

const page = (fd: number, index: number): uapi.UdmabufItem => ({
  memfd: fd,
  offsetBytes: bytes(index),
  lengthBytes: bytes(1),
})

async function map(machine: Machine, fd: number, pages: number) {
  const mapped = await machine.mmap(fd, { lengthBytes: bytes(pages) })
  if (typeof mapped === 'string') throw new Error(`mmap: ${mapped}`)
  return mapped
}

export const udmabufObservations: readonly Observation[] = [
  {
    name: 'CREATE answers with a buffer that is read and written [UDM-1, UDM-2, UDM-4, UDM-12, T-D4]',
    needs: 'udmabuf',
    async observe(machine, see) {
      const fd = memfd(machine)
      const made = number(await create(machine, { memfd: fd }))
      see('size', machine.lseek(made, 0n, SEEK_END), PAGES * PAGE)
      see('flags', machine.flagsOf(made), O_RDWR)
      see('exporter', machine.fdinfo(made)[6]!, 'exp_name:\tudmabuf')
      see('close on exec', machine.closesOnExec(made), false)
      const closing = number(await create(machine, { memfd: fd, flags: 1 }))
      see('with its flag', machine.closesOnExec(closing), true)
      const other = await create(machine, { memfd: fd, flags: 0xfffffffe })
      see('unknown flags', typeof other, 'number')
    },
  },
  {
    name: 'CREATE refuses ranges that are none [UDM-5, UDM-6, UDM-8, T-D1, T-D2]',
    needs: 'udmabuf',
    async observe(machine, see) {
      const fd = memfd(machine)
      for (const [what, asked] of [
        ['no length', { lengthBytes: 0n }],
        ['half a page', { lengthBytes: 2048n }],
        ['from half a page', { offsetBytes: 2048n, lengthBytes: bytes(1) }],
        ['a page too many', { lengthBytes: bytes(PAGES + 1) }],
        ['the page behind', { offsetBytes: bytes(PAGES), lengthBytes: bytes(1) }],
        ['an offset of 2^63', { offsetBytes: 2n ** 63n, lengthBytes: bytes(1) }],
        ['an end that wraps', { offsetBytes: 2n ** 64n - bytes(1), lengthBytes: bytes(2) }],
        ['a length of 2^63', { lengthBytes: 2n ** 63n }],
        [
          'a length that wraps with its offset',
          { offsetBytes: bytes(1), lengthBytes: 2n ** 64n - bytes(1) },
        ],
      ] as const)
        see(what, await create(machine, { memfd: fd, ...asked }), 'EINVAL')
      const last = await create(machine, {
        memfd: fd,
        offsetBytes: bytes(3),
        lengthBytes: bytes(1),
      })
      see('control: the last page', typeof last, 'number')
    },
  },
  {
    name: 'CREATE needs a memfd that cannot shrink and may be written [UDM-7]',
    needs: 'udmabuf',
    async observe(machine, see) {
      for (const [what, seals, seen] of [
        ['no seal', 0, 'EINVAL'],
        ['against growing alone', SEAL.grow, 'EINVAL'],
        ['against writing', SEAL.shrink | SEAL.write, 'EINVAL'],
        ['against later writing', SEAL.shrink | SEAL.futureWrite, 'EINVAL'],
        ['against growing and seals, too', SEAL.shrink | SEAL.grow | SEAL.seal, 'number'],
      ] as const) {
        const made = await create(machine, { memfd: memfd(machine, seals) })
        see(what, typeof made === 'string' ? made : 'number', seen)
      }
      const unsealable = machine.memfd(PAGES * PAGE, undefined)
      see('one without seals', await create(machine, { memfd: unsealable }), 'EINVAL')
    },
  },
  {
    name: 'What is no memfd is EBADFD, also what is not open [UDM-7, T-D3]',
    needs: 'udmabuf',
    async observe(machine, see) {
      const heap = number(machine.open('heap', O_RDONLY))
      const closed = memfd(machine)
      const dmabuf = await buffer(machine)
      const udmabuf = number(await create(machine, { memfd: memfd(machine) }))
      machine.close(closed)
      for (const [what, fd] of [
        ['-1', 0xffffffff],
        ['closed', closed],
        ['a heap', heap],
        ['a buffer of a heap', dmabuf],
        ['a buffer of memfds', udmabuf],
      ] as const) {
        see(what, await create(machine, { memfd: fd }), 'EBADFD')
        see(`${what}, in a list`, await createList(machine, [page(fd, 0)]), 'EBADFD')
      }
      const wrong = await create(machine, { memfd: 0xffffffff, lengthBytes: 1n })
      see('a bad length is told first', wrong, 'EINVAL')
    },
  },
  {
    name: 'A list has 1 to 1024 items [UDM-3, UDM-5, UDM-6]',
    needs: 'udmabuf',
    async observe(machine, see) {
      const fd = memfd(machine)
      const items = (count: number) => Array.from({ length: count }, () => page(fd, 1))
      for (const [count, seen] of [
        [0, 'EINVAL'],
        [1, PAGE],
        [MOST_ITEMS, MOST_ITEMS * PAGE],
        [MOST_ITEMS + 1, 'EINVAL'],
      ] as const) {
        const made = await createList(machine, items(count))
        const size = typeof made === 'string' ? made : machine.lseek(made, 0n, SEEK_END)
        see(`${count} items`, size, seen)
      }
      const node = number(machine.open('udmabuf', O_RDWR))
      const many = new Uint8Array(8)
      new DataView(many.buffer).setUint32(4, 2 ** 32 - 1, true)
      const huge = await machine.ioctl(node, uapi.UDMABUF_CREATE_LIST, machine.atTheEnd(many))
      see('2^32 - 1 items', huge, 'EINVAL')
    },
  },
  {
    name: 'A list is one part after the other, whatever their order [UDM-3, UDM-10, UDM-11, T-D5]',
    needs: 'udmabuf',
    async observe(machine, see) {
      const [one, two] = [memfd(machine), memfd(machine)]
      const memory = [await map(machine, one, PAGES), await map(machine, two, PAGES)]
      for (let index = 0; index < PAGES; index++) {
        memory[0]!.write(index * PAGE, [10 + index])
        memory[1]!.write(index * PAGE, [20 + index])
      }
      const items = [page(two, 3), page(one, 0), page(one, 0), page(two, 0)]
      const made = await map(machine, number(await createList(machine, items)), 4)
      const firsts = () => items.map((_item, index) => made.read(index * PAGE, 1)[0]!)
      see('pages', firsts(), [23, 10, 10, 20])
      made.write(PAGE, [99])
      see('one page twice', firsts(), [23, 99, 99, 20])
      see('the memfd', memory[0]!.read(0, 1), [99])
    },
  },
  {
    name: 'Huge pages are taken in parts of ordinary ones [UDM-10, T-D6]',
    needs: 'udmabuf',
    async observe(machine, see) {
      const fd = machine.memfd(HUGE, SEAL.shrink, 2)
      const memory = await map(machine, fd, HUGE / PAGE)
      for (const index of [0, 1, 500]) memory.write(index * PAGE, [index % 251])
      const items = [page(fd, 500), page(fd, 1), page(fd, 0)]
      const made = await map(machine, number(await createList(machine, items)), 3)
      const firsts = () => items.map((_item, index) => made.read(index * PAGE, 1)[0]!)
      see('pages', firsts(), [249, 1, 0])
      memory.write(PAGE, [77])
      see('written later', firsts(), [249, 77, 0])
      const half = { memfd: fd, offsetBytes: 2048n, lengthBytes: bytes(1) }
      see('half an ordinary page', await createList(machine, [half]), 'EINVAL')
    },
  },
  {
    name: 'Any wrong item refuses the whole list [UDM-6, UDM-7, UDM-15]',
    needs: 'udmabuf',
    async observe(machine, see) {
      const fd = memfd(machine)
      const wrong = { memfd: fd, offsetBytes: 1n, lengthBytes: bytes(1) }
      see('an offset', await createList(machine, [page(fd, 0), wrong]), 'EINVAL')
      const unopened = page(0xffffffff, 0)
      see('ranges before descriptors', await createList(machine, [unopened, wrong]), 'EINVAL')
      see('a descriptor', await createList(machine, [page(fd, 0), unopened]), 'EBADFD')
      see('nothing stays pinned', machine.addSeals(fd, SEAL.write), 0)
    },
  },
  {
    name: '64 MiB is the most, in one part or several [UDM-5]',
    needs: 'udmabuf',
    async observe(machine, see) {
      const fd = machine.memfd(MOST_BYTES + PAGE, SEAL.shrink)
      const whole = await create(machine, { memfd: fd, lengthBytes: BigInt(MOST_BYTES) })
      see('64 MiB', machine.lseek(number(whole), 0n, SEEK_END), MOST_BYTES)
      machine.close(number(whole))
      const more = BigInt(MOST_BYTES + PAGE)
      see('a page more', await create(machine, { memfd: fd, lengthBytes: more }), 'EINVAL')
      const most = { memfd: fd, offsetBytes: 0n, lengthBytes: BigInt(MOST_BYTES) }
      see('a page more in a list', await createList(machine, [most, page(fd, 0)]), 'EINVAL')
    },
  },
  {
    name: 'While a buffer lives its memory cannot be sealed against writing, nor shrink [UDM-9]',
    needs: 'udmabuf',
    async observe(machine, see) {
      const fd = memfd(machine)
      const made = number(await create(machine, { memfd: fd }))
      see('seal', machine.addSeals(fd, SEAL.write), 'EBUSY')
      see('shrink', machine.truncate(fd, PAGE), 'EPERM')
      see('grow', machine.truncate(fd, 8 * PAGE), 0)
      see('its size', machine.lseek(made, 0n, SEEK_END), PAGES * PAGE)
      machine.close(made)
      see('seal when it is closed', machine.addSeals(fd, SEAL.write), 0)
    },
  },
  {
    name: 'The memory of a buffer outlives its memfd [UDM-8, UDM-11]',
    needs: 'udmabuf',
    async observe(machine, see) {
      const fd = memfd(machine)
      const memory = await map(machine, fd, 1)
      memory.write(0, [1, 2, 3])
      const made = number(await create(machine, { memfd: fd }))
      memory.unmap()
      machine.close(fd)
      see('bytes', (await map(machine, made, PAGES)).read(0, 4), [1, 2, 3, 0])
    },
  },
  {
    name: 'Mappings of it are shared, and no longer than it is [UDM-14, BUF-31]',
    needs: 'udmabuf',
    async observe(machine, see) {
      const made = number(await create(machine, { memfd: memfd(machine) }))
      const tried = async (lengthBytes: bigint, flags?: number) => {
        const mapped = await machine.mmap(
          made,
          flags === undefined ? { lengthBytes } : { lengthBytes, flags },
        )
        return typeof mapped === 'string' ? mapped : 'mapped'
      }
      see('all', await tried(bytes(PAGES)), 'mapped')
      see('more', await tried(bytes(PAGES + 1)), 'EINVAL')
      see('private', await tried(bytes(1), MAP_PRIVATE), 'EINVAL')
    },
  },
  {
    name: 'An access cannot end that never began [UDM-13]',
    needs: 'udmabuf',
    async observe(machine, see) {
      const made = number(await create(machine, { memfd: memfd(machine) }))
      see('END', await sync(machine, made, 5n), 'EINVAL')
      see('START', await sync(machine, made, 1n), 0)
      see('END after it', await sync(machine, made, 5n), 0)
      see('END again', await sync(machine, made, 6n), 0)
    },
  },
  {
    name: 'A buffer for which no descriptor is free is given back [UDM-15]',
    needs: 'udmabuf',
    async observe(machine, see) {
      const fd = memfd(machine)
      const node = number(machine.open('udmabuf', O_RDWR))
      const asked = { memfd: fd, flags: 0, offsetBytes: 0n, lengthBytes: bytes(1) }
      await machine.withFullTable(async () => {
        const argument = uapi.encodeUdmabufCreate(asked)
        see('CREATE', await machine.ioctl(node, uapi.UDMABUF_CREATE, argument), 'EMFILE')
      })
      see('nothing stays pinned', machine.addSeals(fd, SEAL.write), 0)
    },
  },
  {
    name: 'udmabuf faults on what is not there, and knows its commands to the last bit [UDM-1, UDM-6]',
    needs: 'udmabuf',
    async observe(machine, see) {
      const node = number(machine.open('udmabuf', O_RDWR))
      const fd = memfd(machine)
      const call = (command: number, argument: bigint | Uint8Array) =>
        machine.ioctl(node, command, argument)
      see('CREATE nowhere', await call(uapi.UDMABUF_CREATE, NOWHERE), 'EFAULT')
      see('CREATE_LIST of null', await call(uapi.UDMABUF_CREATE_LIST, 0n), 'EFAULT')
      const items = [page(fd, 0), page(fd, 1)]
      const list = uapi.encodeUdmabufCreateList({ flags: 0, items })
      const cut = machine.atTheEnd(list.slice(0, 40))
      see('half a list', await call(uapi.UDMABUF_CREATE_LIST, cut), 'EFAULT')
      const command = (number: number, sizeBytes: number, direction = IOC_WRITE) =>
        ioctlCommand({ direction, magic: 'u', number, sizeBytes })
      for (const [what, unknown] of [
        ['number 0x41', command(0x41, 24)],
        ['CREATE of 32 bytes', command(0x42, 32)],
        ['CREATE both ways', command(0x42, 24, IOC_READ | IOC_WRITE)],
        ['CREATE_LIST of 16 bytes', command(0x43, 16)],
      ] as const)
        see(what, await call(unknown, new Uint8Array(64)), 'ENOTTY')
    },
  },
]
