// Fences in a buffer: IMPORT and EXPORT, poll, and SYNC that waits.
import { O_RDONLY, POLLIN, POLLOUT } from '#src/uapi/file.js'
import {
  buffer,
  exportSyncFile,
  fileInfo,
  importSyncFile,
  merge,
  number,
  statuses,
  sync,
} from '../calls.js'
import type { Machine } from '../machine.js'
import type { Observation } from '../observation.js'

const [READ, WRITE, RW, BOTH] = [1, 2, 3, POLLIN | POLLOUT]

/** How many fences a snapshot has that still work; 0 for that of an idle buffer. */
async function pendingIn(machine: Machine, fd: number, flags: number): Promise<number> {
  const list = await statuses(machine, number(await exportSyncFile(machine, fd, flags)), 8)
  return list.filter((status) => status === 0).length
}

async function isDone(call: Promise<unknown>, machine: Machine, fd: number): Promise<boolean> {
  let done = false
  void call.then(() => (done = true))
  // Other calls meanwhile: what does not wait is long done by then.
  for (let round = 0; round < 20; round++) {
    await machine.poll(fd, 0)
    await new Promise((resolve) => setImmediate(resolve))
  }
  return done
}

export const bufferFenceObservations: readonly Observation[] = [
  {
    name: 'An idle buffer may be read and written [BUF-37, BUF-38]',
    async observe(machine, see) {
      const fd = await buffer(machine)
      see('both', await machine.poll(fd, BOTH), BOTH)
      see('POLLIN', await machine.poll(fd, POLLIN), POLLIN)
      see('nothing asked', await machine.poll(fd, 0), 0)
      see('something else', await machine.poll(fd, 2), 0)
    },
  },
  {
    name: 'Who reads waits for writers, who writes for all [BUF-38, BUF-57]',
    async observe(machine, see) {
      for (const [what, flags, during] of [
        ['a reader', READ, POLLIN],
        ['a writer', WRITE, 0],
        ['both', RW, 0],
      ] as const) {
        const fd = await buffer(machine)
        const fence = await machine.fence()
        see(`import of ${what}`, await importSyncFile(machine, fd, flags, fence.fd), 0)
        see(`poll with ${what}`, await machine.poll(fd, BOTH), during)
        await fence.signal()
        see(`poll after ${what}`, await machine.poll(fd, BOTH), BOTH)
      }
    },
  },
  {
    name: 'A poll that waits is a user of the buffer until the fence signals [BUF-44, BUF-62]',
    async observe(machine, see) {
      const fd = await buffer(machine)
      const fence = await machine.fence()
      await importSyncFile(machine, fd, WRITE, fence.fd)
      const count = () => machine.fdinfo(fd)[5]!
      see('before', count(), 'count:\t1')
      await machine.poll(fd, POLLIN)
      see('POLLIN', count(), 'count:\t2')
      await machine.poll(fd, POLLOUT)
      see('and POLLOUT', count(), 'count:\t3')
      await machine.poll(fd, BOTH)
      see('again', count(), 'count:\t3')
      await fence.signal()
      see('signalled', count(), 'count:\t1')
    },
  },
  {
    name: 'EXPORT takes the writers for a reader, and all for a writer [BUF-55]',
    async observe(machine, see) {
      const fd = await buffer(machine)
      const [one, two] = [await machine.fence(), await machine.fence()]
      await importSyncFile(machine, fd, READ, one.fd)
      see('a reader: READ', await pendingIn(machine, fd, READ), 0)
      see('a reader: WRITE', await pendingIn(machine, fd, WRITE), 1)
      see('a reader: both', await pendingIn(machine, fd, RW), 1)
      await importSyncFile(machine, fd, WRITE, two.fd)
      see('and a writer: READ', await pendingIn(machine, fd, READ), 1)
      see('and a writer: WRITE', await pendingIn(machine, fd, WRITE), 2)
    },
  },
  {
    name: 'What was exported does not change with the buffer [BUF-56]',
    async observe(machine, see) {
      const fd = await buffer(machine)
      const [one, two] = [await machine.fence(), await machine.fence()]
      await importSyncFile(machine, fd, WRITE, one.fd)
      const snapshot = number(await exportSyncFile(machine, fd, WRITE))
      await importSyncFile(machine, fd, WRITE, two.fd)
      await one.signal()
      see('the snapshot', await machine.poll(snapshot, POLLIN), POLLIN)
      see('the buffer', await machine.poll(fd, BOTH), 0)
    },
  },
  {
    name: 'What was imported stays when its sync file is closed [BUF-57, BUF-58]',
    async observe(machine, see) {
      const fd = await buffer(machine)
      const fence = await machine.fence()
      await importSyncFile(machine, fd, WRITE, fence.fd)
      machine.close(fence.fd)
      see('pending', await machine.poll(fd, BOTH), 0)
      await fence.signal()
      see('signalled', await machine.poll(fd, BOTH), BOTH)
    },
  },
  {
    name: 'The fences of a merged file are imported one by one [BUF-57]',
    async observe(machine, see) {
      const fd = await buffer(machine)
      const [one, two] = [await machine.fence(), await machine.fence()]
      const both = number(await merge(machine, one.fd, two.fd))
      see('import', await importSyncFile(machine, fd, WRITE, both), 0)
      see('two', await pendingIn(machine, fd, READ), 2)
      await one.signal()
      see('one', await pendingIn(machine, fd, READ), 1)
      see('poll', await machine.poll(fd, BOTH), 0)
      await two.signal()
      see('none', await machine.poll(fd, BOTH), BOTH)
    },
  },
  {
    name: 'The same fence again does not count twice, and a reader may become a writer [BUF-58]',
    async observe(machine, see) {
      const fd = await buffer(machine)
      const fence = await machine.fence()
      await importSyncFile(machine, fd, READ, fence.fd)
      await importSyncFile(machine, fd, READ, fence.fd)
      see('twice a reader', await pendingIn(machine, fd, WRITE), 1)
      await importSyncFile(machine, fd, WRITE, fence.fd)
      see('then a writer', await machine.poll(fd, BOTH), 0)
      see('still one', await pendingIn(machine, fd, WRITE), 1)
      see('and READ', await importSyncFile(machine, fd, READ, fence.fd), 0)
      see('a writer still', await machine.poll(fd, BOTH), 0)
    },
  },
  {
    name: 'A signalled fence is imported, and nobody waits for it [BUF-57]',
    async observe(machine, see) {
      const fd = await buffer(machine)
      const fence = await machine.fence()
      await fence.signal()
      see('import', await importSyncFile(machine, fd, WRITE, fence.fd), 0)
      see('poll', await machine.poll(fd, BOTH), BOTH)
      const info = await fileInfo(machine, number(await exportSyncFile(machine, fd, RW)), 1)
      see('the snapshot is the stub', typeof info === 'string' ? info : info.name, 'stub-stub0-0')
    },
  },
  {
    name: 'EXPORT and IMPORT refuse what they do not know [BUF-55, BUF-57]',
    async observe(machine, see) {
      const fd = await buffer(machine)
      const { fd: fence } = await machine.fence()
      const heap = number(machine.open('heap', O_RDONLY))
      for (const flags of [0, 4, 5, 8, 2 ** 31 + 1]) {
        see(`EXPORT ${flags}`, await exportSyncFile(machine, fd, flags), 'EINVAL')
        see(`IMPORT ${flags}`, await importSyncFile(machine, fd, flags, fence), 'EINVAL')
      }
      for (const [what, bad] of [
        ['-1', -1],
        ['a closed one', 900],
        ['a heap', heap],
        ['a buffer', fd],
      ] as const)
        see(`IMPORT of ${what}`, await importSyncFile(machine, fd, WRITE, bad), 'EINVAL')
      see('nothing came of it', await machine.poll(fd, BOTH), BOTH)
    },
  },
  {
    name: 'SYNC waits where access begins, and only for who is in its way [BUF-50, CPU-2]',
    async observe(machine, see) {
      const fd = await buffer(machine)
      const fence = await machine.fence()
      await importSyncFile(machine, fd, READ, fence.fd)
      see('to read beside a reader', await sync(machine, fd, 1n, true), 0)
      see('END of a write', await sync(machine, fd, 6n, true), 0)
      const write = sync(machine, fd, 2n, true)
      see('to write: done', await isDone(write, machine, fd), false)
      await fence.signal()
      see('to write after it', await write, 0)
    },
  },
]
