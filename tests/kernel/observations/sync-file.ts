// sync_files: MERGE, FILE_INFO, SET_DEADLINE, poll, and what their file is.
import { O_RDONLY, POLLIN, POLLOUT, SEEK_SET } from '#src/uapi/file.js'
import { IOC_READ, IOC_WRITE, ioctlCommand } from '#src/uapi/ioctl.js'
import * as uapi from '#src/uapi/sync-file.js'
import { buffer, exportSyncFile, fileInfo, merge, number, PAGE, statuses } from '../calls.js'
import { NOWHERE, type Machine } from '../machine.js'
import type { Observation } from '../observation.js'

/** A sync file whose fence has signalled: that of a buffer nobody uses. */
async function signalled(machine: Machine): Promise<number> {
  return number(await exportSyncFile(machine, await buffer(machine), 3))
}

const deadline = (deadlineNs: bigint, pad = 0n): Uint8Array =>
  uapi.encodeSetDeadline({ deadlineNs, pad })

export const syncFileObservations: readonly Observation[] = [
  {
    name: 'A sync file has neither bytes nor pages nor a position [SF-2]',
    async observe(machine, see) {
      const fd = await signalled(machine)
      see('flags', machine.flagsOf(fd), O_RDONLY)
      see('close on exec', machine.closesOnExec(fd), true)
      see('read', machine.read(fd), 'EINVAL')
      see('write', machine.write(fd), 'EBADF')
      see('lseek', machine.lseek(fd, 0n, SEEK_SET), 'ESPIPE')
      const mapped = await machine.mmap(fd, { lengthBytes: BigInt(PAGE), protection: 1 })
      see('mmap', typeof mapped === 'string' ? mapped : 'mapped', 'ENODEV')
      const writable = await machine.mmap(fd, { lengthBytes: BigInt(PAGE) })
      see('mmap to write', typeof writable === 'string' ? writable : 'mapped', 'EACCES')
    },
  },
  {
    name: 'A pending fence is not readable, a signalled one is [SF-4, SF-5]',
    async observe(machine, see) {
      const { fd, signal } = await machine.fence()
      see('pending', await machine.poll(fd, POLLIN | POLLOUT), 0)
      await signal()
      see('signalled', await machine.poll(fd, POLLIN | POLLOUT), POLLIN)
      see('asked for POLLOUT alone', await machine.poll(fd, POLLOUT), 0)
    },
  },
  {
    name: 'FILE_INFO tells the name, the status and the fence [SF-7, SF-13, SF-16, SF-17, SF-18]',
    async observe(machine, see) {
      const { fd, signal } = await machine.fence()
      const { driver, timeline } = machine.fenceNames
      for (const [what, status] of [
        ['pending', 0],
        ['signalled', 1],
      ] as const) {
        if (status === 1) await signal()
        const count = await fileInfo(machine, fd, 0)
        const info = await fileInfo(machine, fd, 1)
        if (typeof count === 'string' || typeof info === 'string') throw new Error('FILE_INFO')
        const pattern = new RegExp(`^${driver}-${timeline}\\d+-1$`)
        see(`${what}: generated name`, pattern.test(info.name), true)
        see(`${what}: the same without room`, count.name === info.name, true)
        see(`${what}: status`, [count.status, info.status], [status, status])
        see(`${what}: fences`, [count.fenceCount, info.fenceCount], [1, 1])
        const [leaf] = info.fences
        see(`${what}: driver`, leaf!.driverName === driver, true)
        see(`${what}: timeline`, leaf!.timelineName === timeline, true)
        see(`${what}: its status`, leaf!.status, status)
        see(`${what}: has a time`, leaf!.timestampNs > 0n, status === 1)
      }
    },
  },
  {
    name: 'A fence that nobody made is the stub [SF-7, BUF-55]',
    async observe(machine, see) {
      const info = await fileInfo(machine, await signalled(machine), 1)
      if (typeof info === 'string') throw new Error(info)
      const { name, status, fenceCount, fences } = info
      see('name', name, 'stub-stub0-0')
      see('status and fences', [status, fenceCount], [1, 1])
      see('driver and timeline', [fences[0]!.driverName, fences[0]!.timelineName], ['stub', 'stub'])
    },
  },
  {
    name: 'FILE_INFO refuses flags, padding, and too little room [SF-14, SF-19]',
    async observe(machine, see) {
      const { fd } = await machine.fence()
      const other = await machine.fence()
      const both = number(await merge(machine, fd, other.fd))
      const asked = async (room: number, change: Partial<uapi.FileInfo> = {}) => {
        const info = await fileInfo(machine, both, room, change)
        return typeof info === 'string' ? info : info.fenceCount
      }
      see('flags', await asked(2, { flags: 1 }), 'EINVAL')
      see('padding', await asked(2, { pad: 1 }), 'EINVAL')
      see('room for one of two', await asked(1), 'EINVAL')
      see('an array nowhere', await asked(2, { fencesAddress: NOWHERE }), 'EFAULT')
      see('flags before the array', await asked(2, { flags: 1, fencesAddress: NOWHERE }), 'EINVAL')
      see(
        'structure nowhere',
        await machine.ioctl(both, uapi.SYNC_IOC_FILE_INFO, NOWHERE),
        'EFAULT',
      )
      see('room for five', await asked(5), 2)
    },
  },
  {
    name: 'Room for one of two: nothing is written [SF-14]',
    async observe(machine, see) {
      const { fd } = await machine.fence()
      const other = await machine.fence()
      const both = number(await merge(machine, fd, other.fd))
      const array = new Uint8Array(uapi.SYNC_FENCE_INFO_BYTES).fill(0xee)
      const asked = { name: 'mine', status: 7, flags: 0, fenceCount: 1, pad: 0 }
      const bytes = uapi.encodeFileInfo({ ...asked, fencesAddress: machine.address(array) })
      const before = bytes.join()
      see('ioctl', await machine.ioctl(both, uapi.SYNC_IOC_FILE_INFO, bytes), 'EINVAL')
      see('structure', bytes.join() === before, true)
      see(
        'array',
        array.every((byte) => byte === 0xee),
        true,
      )
    },
  },
  {
    name: 'FILE_INFO writes the array before its structure, and faults where that is read only [SF-19]',
    async observe(machine, see) {
      const { fd } = await machine.fence()
      const array = new Uint8Array(uapi.SYNC_FENCE_INFO_BYTES)
      const asked = { name: '', status: 0, flags: 0, fenceCount: 1, pad: 0 }
      const bytes = uapi.encodeFileInfo({ ...asked, fencesAddress: machine.address(array) })
      const page = machine.readOnly(bytes)
      see('ioctl', await machine.ioctl(fd, uapi.SYNC_IOC_FILE_INFO, page), 'EFAULT')
      const { driverName } = uapi.decodeFenceInfo(array)
      see('the array', driverName === machine.fenceNames.driver, true)
    },
  },
  {
    name: 'MERGE has the fences of both, and the name it was given [SF-7, SF-11, SF-12, SF-15]',
    async observe(machine, see) {
      const [one, two] = [await machine.fence(), await machine.fence()]
      const fd = number(await merge(machine, one.fd, two.fd, { name: 'both of them' }))
      see('close on exec', machine.closesOnExec(fd), true)
      const info = await fileInfo(machine, fd, 2)
      if (typeof info === 'string') throw new Error(info)
      see('name', info.name, 'both of them')
      see('fences', [info.fenceCount, ...info.fences.map(({ status }) => status)], [2, 0, 0])
      see('nothing signalled', await machine.poll(fd, POLLIN), 0)
      await one.signal()
      see('one signalled', [await machine.poll(fd, POLLIN), await sum(machine, fd)], [0, 1])
      see('the first alone', await machine.poll(one.fd, POLLIN), POLLIN)
      machine.close(one.fd)
      machine.close(two.fd)
      await two.signal()
      see('both', await machine.poll(fd, POLLIN), POLLIN)
      see('statuses', await statuses(machine, fd, 2), [1, 1])
    },
  },
  {
    name: 'MERGE leaves out what has signalled, and what is there twice [SF-11, UNW-4, EX-11]',
    async observe(machine, see) {
      const [one, two] = [await machine.fence(), await machine.fence()]
      const count = async (fd: number, fd2: number) => {
        const info = await fileInfo(machine, number(await merge(machine, fd, fd2)), 0)
        return typeof info === 'string' ? info : [info.fenceCount, info.status]
      }
      see('with itself', await count(one.fd, one.fd), [1, 0])
      const both = number(await merge(machine, one.fd, two.fd))
      see('both with the first', await count(both, one.fd), [2, 0])
      see('with the stub', await count(one.fd, await signalled(machine)), [1, 0])
      await one.signal()
      see('with a signalled one', await count(one.fd, two.fd), [1, 0])
      await two.signal()
      see('two signalled ones', await count(one.fd, two.fd), [1, 1])
    },
  },
  {
    name: 'MERGE refuses flags and padding, then what is no sync file [SF-10]',
    async observe(machine, see) {
      const { fd } = await machine.fence()
      const heap = number(machine.open('heap', O_RDONLY))
      see('flags', await merge(machine, fd, fd, { flags: 1 }), 'EINVAL')
      see('padding', await merge(machine, fd, fd, { pad: 1 }), 'EINVAL')
      see('flags first', await merge(machine, fd, -1, { flags: 1 }), 'EINVAL')
      see('-1', await merge(machine, fd, -1), 'ENOENT')
      see('a closed one', await merge(machine, fd, 900), 'ENOENT')
      see('a heap', await merge(machine, fd, heap), 'ENOENT')
      see('a buffer', await merge(machine, fd, await buffer(machine)), 'ENOENT')
      see('nowhere', await machine.ioctl(fd, uapi.SYNC_IOC_MERGE, NOWHERE), 'EFAULT')
    },
  },
  {
    name: 'A name for MERGE ends after 31 bytes; without one it is made [SF-7, SF-12]',
    async observe(machine, see) {
      const { fd } = await machine.fence()
      const name = async (merged: number) => {
        const info = await fileInfo(machine, merged, 0)
        return typeof info === 'string' ? info : info.name
      }
      const bytes = uapi.encodeMergeData({ name: '', fd2: fd, fence: -1, flags: 0, pad: 0 })
      bytes.fill(0x78, 0, 32)
      see('32 letters', await machine.ioctl(fd, uapi.SYNC_IOC_MERGE, bytes), 0)
      see('cut', await name(uapi.decodeMergeData(bytes).fence), 'x'.repeat(31))
      const { driver, timeline } = machine.fenceNames
      const made = await name(number(await merge(machine, fd, fd, { name: '' })))
      see('made', new RegExp(`^${driver}-${timeline}\\d+-1$`).test(made), true)
    },
  },
  {
    name: 'SET_DEADLINE takes any time, and no padding [SF-20]',
    async observe(machine, see) {
      const { fd, signal } = await machine.fence()
      const set = (argument: Uint8Array | bigint) =>
        machine.ioctl(fd, uapi.SYNC_IOC_SET_DEADLINE, argument)
      see('soon', await set(deadline(1n)), 0)
      see('never', await set(deadline(2n ** 64n - 1n)), 0)
      see('padding', await set(deadline(1n, 1n)), 'EINVAL')
      see('high padding', await set(deadline(1n, 2n ** 63n)), 'EINVAL')
      see('nowhere', await set(NOWHERE), 'EFAULT')
      await signal()
      see('signalled', await set(deadline(1n)), 0)
    },
  },
  {
    name: 'A sync file knows its commands to the last bit [SF-8, SF-9]',
    async observe(machine, see) {
      const fd = await signalled(machine)
      const both = IOC_READ | IOC_WRITE
      const command = (number: number, sizeBytes: number, direction = both) =>
        ioctlCommand({ direction, magic: '>', number, sizeBytes })
      for (const [what, number] of [
        ['number 0', command(0, 4, IOC_WRITE)],
        ['number 1', command(1, 40)],
        ['number 2', command(2, 40)],
        ['MERGE of 40 bytes', command(3, 40)],
        ['MERGE one way', command(3, 48, IOC_WRITE)],
        ['FILE_INFO of 64 bytes', command(4, 64)],
        ['SET_DEADLINE both ways', command(5, 16)],
        ['number 6', command(6, 16, IOC_WRITE)],
      ] as const)
        see(what, await machine.ioctl(fd, number, new Uint8Array(64)), 'ENOTTY')
    },
  },
]

/** How many fences of two have signalled. */
async function sum(machine: Machine, fd: number): Promise<number> {
  const list = await statuses(machine, fd, 2)
  return list.reduce((total, status) => total + status, 0)
}
