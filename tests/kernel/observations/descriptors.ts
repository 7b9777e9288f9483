// Descriptors that are closed, of another kind, used again, or for which there is no room.
import * as buf from '#src/uapi/dma-buf.js'
import { DMA_HEAP_IOCTL_ALLOC } from '#src/uapi/dma-heap.js'
import { O_RDONLY, POLLIN, POLLNVAL, POLLOUT, SEEK_END } from '#src/uapi/file.js'
import * as file from '#src/uapi/sync-file.js'
import { buffer, exportSyncFile, importSyncFile, merge, number, PAGE, sync } from '../calls.js'
import type { Observation } from '../observation.js'

const COMMANDS = [
  ['ALLOC', DMA_HEAP_IOCTL_ALLOC],
  ['SYNC', buf.DMA_BUF_IOCTL_SYNC],
  ['SET_NAME', buf.DMA_BUF_SET_NAME_B],
  ['EXPORT', buf.DMA_BUF_IOCTL_EXPORT_SYNC_FILE],
  ['IMPORT', buf.DMA_BUF_IOCTL_IMPORT_SYNC_FILE],
  ['MERGE', file.SYNC_IOC_MERGE],
  ['FILE_INFO', file.SYNC_IOC_FILE_INFO],
  ['SET_DEADLINE', file.SYNC_IOC_SET_DEADLINE],
] as const

export const descriptorObservations: readonly Observation[] = [
  {
    name: 'Nothing works on a descriptor that is closed, or never was one [BUF-17]',
    async observe(machine, see) {
      const fd = await buffer(machine)
      see('close', machine.close(fd), 0)
      for (const [kind, bad] of [
        ['closed', fd],
        ['-1', -1],
        ['far', 100000],
      ] as const) {
        for (const [what, command] of COMMANDS)
          see(`${what}, ${kind}`, await machine.ioctl(bad, command, new Uint8Array(64)), 'EBADF')
        see(`lseek, ${kind}`, machine.lseek(bad, 0n, SEEK_END), 'EBADF')
        see(`read, ${kind}`, machine.read(bad), 'EBADF')
        see(`write, ${kind}`, machine.write(bad), 'EBADF')
        see(`dup, ${kind}`, machine.dup(bad), 'EBADF')
        see(`close, ${kind}`, machine.close(bad), 'EBADF')
        const mapped = await machine.mmap(bad, { lengthBytes: BigInt(PAGE) })
        see(`mmap, ${kind}`, typeof mapped === 'string' ? mapped : 'mapped', 'EBADF')
      }
      see('poll, closed', await machine.poll(fd, POLLIN | POLLOUT), POLLNVAL)
    },
  },
  {
    name: 'A number that is free is given again, to whatever comes next [BUF-15]',
    async observe(machine, see) {
      const fd = await buffer(machine, { pages: 1 })
      const copy = number(machine.dup(fd))
      machine.close(fd)
      const again = number(await exportSyncFile(machine, copy, 1))
      see('the same number', again === fd, true)
      see('is a sync file now', await sync(machine, fd, 3n), 'ENOTTY')
      see('the copy is a buffer', machine.lseek(copy, 0n, SEEK_END), PAGE)
    },
  },
  {
    name: 'An importer takes buffers only: EBADF where nothing is open, EINVAL for the rest [BUF-17]',
    async observe(machine, see) {
      const fd = await buffer(machine)
      const fence = number(await exportSyncFile(machine, fd, 3))
      see('a buffer', machine.importBuffer(fd), 0)
      see('a sync file', machine.importBuffer(fence), 'EINVAL')
      see('a heap', machine.importBuffer(number(machine.open('heap', O_RDONLY))), 'EINVAL')
      see('-1', machine.importBuffer(-1), 'EBADF')
      machine.close(fd)
      see('closed', machine.importBuffer(fd), 'EBADF')
    },
  },
  {
    name: 'Each kind of file refuses the commands of the others [BUF-60, SF-8, SF-9, HEAP-5]',
    async observe(machine, see) {
      const heap = number(machine.open('heap', O_RDONLY))
      const fd = await buffer(machine)
      const fence = number(await exportSyncFile(machine, fd, 3))
      const ioctl = (to: number, command: number) => machine.ioctl(to, command, new Uint8Array(64))
      for (const [what, command] of COMMANDS) {
        const isHeaps = command === DMA_HEAP_IOCTL_ALLOC
        const isFences = command === file.SYNC_IOC_MERGE || what === 'FILE_INFO'
        if (isHeaps || isFences || what === 'SET_DEADLINE')
          see(`${what} of a buffer`, await ioctl(fd, command), 'ENOTTY')
        else see(`${what} of a sync file`, await ioctl(fence, command), 'ENOTTY')
        // A heap goes by the number alone: those of number 0 are ALLOC to it, of nothing at all.
        see(`${what} of a heap`, await ioctl(heap, command), 'EINVAL')
      }
    },
  },
  {
    name: 'Calls that make descriptors fail with EMFILE where there is no room [BUF-55, SF-10]',
    async observe(machine, see) {
      const fd = await buffer(machine)
      const fence = number(await exportSyncFile(machine, fd, 3))
      await machine.withFullTable(async () => {
        see('EXPORT', await exportSyncFile(machine, fd, 3), 'EMFILE')
        see('EXPORT, bad flags first', await exportSyncFile(machine, fd, 0), 'EINVAL')
        see('MERGE', await merge(machine, fence, fence), 'EMFILE')
        see('MERGE, no room before flags', await merge(machine, fence, -1, { flags: 1 }), 'EMFILE')
        see('IMPORT needs none', await importSyncFile(machine, fd, 3, fence), 0)
        see('dup', machine.dup(fd), 'EMFILE')
      })
      see('room again', typeof (await exportSyncFile(machine, fd, 3)), 'number')
    },
  },
  {
    name: 'What a failed call reserved is free again [BUF-55, SF-10]',
    async observe(machine, see) {
      const fd = await buffer(machine)
      const fence = number(await exportSyncFile(machine, fd, 3))
      const next = number(machine.dup(fd))
      machine.close(next)
      const readOnly = machine.readOnly(buf.encodeSyncFileArgument({ flags: 3, fd: -1 }))
      see('EXPORT', await machine.ioctl(fd, buf.DMA_BUF_IOCTL_EXPORT_SYNC_FILE, readOnly), 'EFAULT')
      see('MERGE', await merge(machine, fence, -1), 'ENOENT')
      const data = { name: '', fd2: fence, fence: -1, flags: 0, pad: 0 }
      const page = machine.readOnly(file.encodeMergeData(data))
      see('MERGE, read only', await machine.ioctl(fence, file.SYNC_IOC_MERGE, page), 'EFAULT')
      see('the next number', machine.dup(fd) === next, true)
    },
  },
]
