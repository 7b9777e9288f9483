// A buffer's descriptor: position, bytes, names, fdinfo, stat.
import * as uapi from '#src/uapi/dma-buf.js'
import {
  O_CLOEXEC,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  SEEK_CUR,
  SEEK_END,
  SEEK_SET,
} from '#src/uapi/file.js'
import { IOC_NONE, IOC_READ, IOC_WRITE, ioctlCommand } from '#src/uapi/ioctl.js'
import { encodeText } from '#src/uapi/struct.js'
import { buffer, exportSyncFile, number, PAGE, setName, sync } from '../calls.js'
import { NOWHERE } from '../machine.js'
import type { Observation } from '../observation.js'

const text = (name: string): Uint8Array => encodeText(`${name}\0`)

export const bufferObservations: readonly Observation[] = [
  {
    name: 'The end of a buffer is its size, and it has no other position [BUF-28, BUF-29]',
    async observe(machine, see) {
      const fd = await buffer(machine, { pages: 3 })
      see('end', machine.lseek(fd, 0n, SEEK_END), 3 * PAGE)
      see('start', machine.lseek(fd, 0n, SEEK_SET), 0)
      see('here', machine.lseek(fd, 0n, SEEK_CUR), 'EINVAL')
      for (const whence of [3, 4, 5, -1])
        see(`whence ${whence}`, machine.lseek(fd, 0n, whence), 'EINVAL')
      for (const offset of [1n, -1n, BigInt(PAGE), 2n ** 62n]) {
        see(`${offset} from the end`, machine.lseek(fd, offset, SEEK_END), 'EINVAL')
        see(`${offset} from the start`, machine.lseek(fd, offset, SEEK_SET), 'EINVAL')
      }
      see('position', machine.fdinfo(fd)[0]!, 'pos:\t0')
    },
  },
  {
    name: 'A buffer is neither read nor written [BUF-30]',
    async observe(machine, see) {
      for (const [what, fdFlags, read, write] of [
        ['read and write', O_RDWR, 'EINVAL', 'EINVAL'],
        ['read only', O_RDONLY, 'EINVAL', 'EBADF'],
        ['write only', O_WRONLY, 'EBADF', 'EINVAL'],
      ] as const) {
        const fd = await buffer(machine, { fdFlags })
        see(what, [machine.read(fd), machine.write(fd)], [read, write])
      }
    },
  },
  {
    name: 'A buffer has a size and permissions, but no type of file [BUF-14]',
    async observe(machine, see) {
      const { mode, sizeBytes, blockCount, fileSystem } = machine.stat(
        await buffer(machine, { pages: 5 }),
      )
      see('mode', mode, 0o600)
      see('size', sizeBytes, 5 * PAGE)
      see('blocks', blockCount, 40)
      see('file system', fileSystem, uapi.DMA_BUF_MAGIC)
    },
  },
  {
    name: 'fdinfo tells size, users, exporter, and a name where there is one [BUF-61, BUF-62]',
    async observe(machine, see) {
      const fd = await buffer(machine, { pages: 2 })
      const lines = ['pos:\t0', 'flags:\t02000002', 'mnt_id:\tN', 'ino:\tN', 'size:\t8192']
      const nameless = [...lines, 'count:\t1', 'exp_name:\tsystem']
      see('fresh', machine.fdinfo(fd), nameless)
      see('named', await setName(machine, fd, text('frame')), 0)
      see('with a name', machine.fdinfo(fd), [...nameless, 'name:\tframe'])
      see('no name', await setName(machine, fd, text('')), 0)
      see('with an empty name', machine.fdinfo(fd), [...nameless, 'name:\t'])
    },
  },
  {
    name: 'A mapping and a second descriptor are users, an exported fence is none [BUF-20, BUF-62]',
    async observe(machine, see) {
      const fd = await buffer(machine)
      const count = () => machine.fdinfo(fd)[5]!
      const copy = number(machine.dup(fd))
      see('two descriptors', count(), 'count:\t2')
      const mapped = await machine.mmap(fd, { lengthBytes: BigInt(PAGE) })
      see('and a mapping', count(), 'count:\t3')
      see('export', typeof (await exportSyncFile(machine, fd, 3)), 'number')
      see('and a sync file', count(), 'count:\t3')
      if (typeof mapped !== 'string') mapped.unmap()
      machine.close(copy)
      see('without them', count(), 'count:\t1')
    },
  },
  {
    name: 'fdinfo has the flags of file and descriptor, in octal [BUF-61]',
    async observe(machine, see) {
      for (const [fdFlags, shown] of [
        [O_RDONLY, '00'],
        [O_RDWR, '02'],
        [O_RDWR | O_CLOEXEC, '02000002'],
      ] as const) {
        const fd = await buffer(machine, { fdFlags })
        see(shown, machine.fdinfo(fd)[1]!, `flags:\t${shown}`)
      }
    },
  },
  {
    name: 'Names have up to 31 bytes, whatever bytes they are [BUF-52, BUF-53]',
    async observe(machine, see) {
      const fd = await buffer(machine)
      see('path without a name', machine.path(fd), '/dmabuf:')
      for (const name of ['frame', 'x'.repeat(31), 'ünï', 'a/b', '']) {
        see(`SET_NAME ${name}`, await setName(machine, fd, text(name)), 0)
        see(`path of ${name}`, machine.path(fd), `/dmabuf:${name}`)
      }
      await setName(machine, fd, text('kept'))
      see('32 bytes', await setName(machine, fd, text('x'.repeat(32))), 'EINVAL')
      see('40 bytes', await setName(machine, fd, text('x'.repeat(40))), 'EINVAL')
      see('the name after it', machine.path(fd), '/dmabuf:kept')
    },
  },
  {
    name: 'A name is read to its NUL and no further [BUF-52]',
    async observe(machine, see) {
      const fd = await buffer(machine)
      const set = (address: bigint) => machine.ioctl(fd, uapi.DMA_BUF_SET_NAME_B, address)
      see('at the end of memory', await set(machine.atTheEnd(text('edge'))), 0)
      see('its path', machine.path(fd), '/dmabuf:edge')
      see('without its NUL', await set(machine.atTheEnd(encodeText('open'))), 'EFAULT')
      see('nowhere', await set(NOWHERE), 'EFAULT')
      see('null', await set(0n), 'EFAULT')
      see('the path after it', machine.path(fd), '/dmabuf:edge')
    },
  },
  {
    name: 'SET_NAME has two numbers, for two sizes of pointers [BUF-52, BUF-60]',
    async observe(machine, see) {
      const fd = await buffer(machine)
      see('A', await machine.ioctl(fd, uapi.DMA_BUF_SET_NAME_A, text('a')), 0)
      see('its path', machine.path(fd), '/dmabuf:a')
      see('B', await machine.ioctl(fd, uapi.DMA_BUF_SET_NAME_B, text('b')), 0)
      see('its path', machine.path(fd), '/dmabuf:b')
    },
  },
  {
    name: 'A name belongs to the buffer, not to a descriptor [BUF-52]',
    async observe(machine, see) {
      const fd = await buffer(machine)
      const copy = number(machine.dup(fd))
      await setName(machine, copy, text('shared'))
      see('path of the other', machine.path(fd), '/dmabuf:shared')
    },
  },
  {
    name: 'SYNC takes READ, WRITE and END, and refuses the rest [BUF-49, BUF-50, EX-19]',
    async observe(machine, see) {
      const fd = await buffer(machine)
      for (const flags of [1n, 2n, 3n, 5n, 6n, 7n])
        see(`flags ${flags}`, await sync(machine, fd, flags), 0)
      for (const flags of [
        0n,
        4n,
        8n,
        9n,
        12n,
        16n,
        2n ** 31n + 1n,
        2n ** 32n + 1n,
        2n ** 63n + 1n,
      ])
        see(`flags ${flags}`, await sync(machine, fd, flags), 'EINVAL')
    },
  },
  {
    name: 'SYNC needs no pairs and no rights [BUF-50]',
    async observe(machine, see) {
      const fd = await buffer(machine, { fdFlags: O_RDONLY })
      see('END alone', await sync(machine, fd, 7n), 0)
      see('START to write', await sync(machine, fd, 2n), 0)
      see('again', await sync(machine, fd, 2n), 0)
      see('END of a read', await sync(machine, fd, 5n), 0)
    },
  },
  {
    name: 'A buffer faults on memory that is not there [BUF-49, BUF-55, BUF-57]',
    async observe(machine, see) {
      const fd = await buffer(machine)
      for (const [what, command] of [
        ['SYNC', uapi.DMA_BUF_IOCTL_SYNC],
        ['EXPORT', uapi.DMA_BUF_IOCTL_EXPORT_SYNC_FILE],
        ['IMPORT', uapi.DMA_BUF_IOCTL_IMPORT_SYNC_FILE],
      ] as const) {
        see(`${what} nowhere`, await machine.ioctl(fd, command, NOWHERE), 'EFAULT')
        see(`${what} of null`, await machine.ioctl(fd, command, 0n), 'EFAULT')
        const half = machine.atTheEnd(new Uint8Array(4).fill(1))
        see(`${what} of half`, await machine.ioctl(fd, command, half), 'EFAULT')
      }
    },
  },
  {
    name: 'A buffer knows its commands to the last bit [BUF-49, BUF-60]',
    async observe(machine, see) {
      const fd = await buffer(machine)
      const command = (direction: number, number: number, sizeBytes: number, magic = 'b') =>
        ioctlCommand({ direction, magic, number, sizeBytes })
      for (const [what, number] of [
        ['SYNC of 16 bytes', command(IOC_WRITE, 0, 16)],
        ['SYNC of 4 bytes', command(IOC_WRITE, 0, 4)],
        ['SYNC both ways', command(IOC_READ | IOC_WRITE, 0, 8)],
        ['SET_NAME of 16 bytes', command(IOC_WRITE, 1, 16)],
        ['EXPORT one way', command(IOC_WRITE, 2, 8)],
        ['IMPORT both ways', command(IOC_READ | IOC_WRITE, 3, 8)],
        ['number 4', command(IOC_WRITE, 4, 8)],
        ['no argument', command(IOC_NONE, 0, 0)],
        ['another letter', command(IOC_WRITE, 0, 8, 'H')],
        ['MERGE of sync files', 0xc0303e03],
      ] as const)
        see(what, await machine.ioctl(fd, number, new Uint8Array(64).fill(1)), 'ENOTTY')
    },
  },
]
