// sw_sync, the kernel's timelines for tests: Debian's kernel has none, the custom one has.
import { POLLIN } from '#src/uapi/file.js'
import * as uapi from '#src/uapi/sw-sync.js'
import { encodeSetDeadline, SYNC_IOC_SET_DEADLINE } from '#src/uapi/sync-file.js'
import { buffer, exportSyncFile, fileInfo, merge, number, statuses } from '../calls.js'
import { NOWHERE, type Machine, type Outcome } from '../machine.js'
import type { Observation } from '../observation.js'

const O_RDWR = 2
const MAX_INT = 2 ** 31 - 1

const open = (machine: Machine): number => number(machine.open('sw_sync', O_RDWR))

async function createFence(machine: Machine, timeline: number, value: number): Promise<Outcome> {
  const bytes = uapi.encodeCreateFenceData({ value, name: 'ignored', fence: -1 })
  const result = await machine.ioctl(timeline, uapi.SW_SYNC_IOC_CREATE_FENCE, bytes)
  return result === 0 ? uapi.decodeCreateFenceData(bytes).fence : result
}

async function fenceAt(machine: Machine, timeline: number, value: number): Promise<number> {
  return number(await createFence(machine, timeline, value))
}

function increment(machine: Machine, timeline: number, amount: number): Promise<Outcome> {
  return machine.ioctl(timeline, uapi.SW_SYNC_IOC_INC, uapi.encodeIncrement(amount))
}

async function deadlineOf(
  machine: Machine,
  timeline: number,
  asked: Partial<uapi.GetDeadline>,
): Promise<Outcome> {
  const bytes = uapi.encodeGetDeadline({ deadlineNs: 0n, pad: 0, fenceFd: -1, ...asked })
  const result = await machine.ioctl(timeline, uapi.SW_SYNC_GET_DEADLINE, bytes)
  return result === 0 ? Number(uapi.decodeGetDeadline(bytes).deadlineNs) : result
}

export const swSyncObservations: readonly Observation[] = [
  {
    name: 'A fence signals when its timeline has come to it [SW-1, SW-2, SW-3, SW-6]',
    needs: 'sw_sync',
    async observe(machine, see) {
      const timeline = open(machine)
      const fd = await fenceAt(machine, timeline, 2)
      see('close on exec', machine.closesOnExec(fd), true)
      see('at 0', await statuses(machine, fd, 1), [0])
      see('INC', await increment(machine, timeline, 1), 0)
      see('at 1', await machine.poll(fd, POLLIN), 0)
      await increment(machine, timeline, 1)
      see(
        'at 2',
        [await machine.poll(fd, POLLIN), ...(await statuses(machine, fd, 1))],
        [POLLIN, 1],
      )
      const past = await fenceAt(machine, timeline, 1)
      see('one made too late', await statuses(machine, past, 1), [1])
    },
  },
  {
    name: 'Values wrap: half of all numbers are behind [SW-3, SW-6, EX-20]',
    needs: 'sw_sync',
    async observe(machine, see) {
      const timeline = open(machine)
      const far = await fenceAt(machine, timeline, MAX_INT)
      const behind = await fenceAt(machine, timeline, 2 ** 31)
      see('2^31 - 1', await statuses(machine, far, 1), [0])
      see('2^31', await statuses(machine, behind, 1), [1])
      see('INC by 2^32 - 1', await increment(machine, timeline, 2 ** 32 - 1), 0)
      see('on the way', await statuses(machine, far, 1), [1])
    },
  },
  {
    name: 'A timeline that is closed fails what is pending with ENOENT, and polls ready [SW-7, SF-4, SF-18]',
    needs: 'sw_sync',
    async observe(machine, see) {
      const timeline = open(machine)
      const [one, two] = [await fenceAt(machine, timeline, 1), await fenceAt(machine, timeline, 2)]
      await increment(machine, timeline, 1)
      machine.close(timeline)
      see('signalled before', await statuses(machine, one, 1), [1])
      see('pending', await statuses(machine, two, 1), [-2])
      see('poll', await machine.poll(two, POLLIN), POLLIN)
      const info = await fileInfo(machine, two, 0)
      see('status of the file', typeof info === 'string' ? info : info.status, -2)
    },
  },
  {
    name: 'An error of one fence is that of the file, unless another still works [SF-18, EX-9]',
    needs: 'sw_sync',
    async observe(machine, see) {
      const [dying, living] = [open(machine), open(machine)]
      const fence = await fenceAt(machine, living, 1)
      const both = number(await merge(machine, await fenceAt(machine, dying, 1), fence))
      machine.close(dying)
      const leaves = await statuses(machine, both, 2)
      see('fences', [...leaves].sort(), [-2, 0])
      await increment(machine, living, 1)
      see('both ended', [...(await statuses(machine, both, 2))].sort(), [-2, 1])
      const info = await fileInfo(machine, both, 2)
      see('the file', typeof info === 'string' ? info : info.status, -2)
    },
  },
  {
    name: 'Two fences of one value are one [SW-4]',
    needs: 'sw_sync',
    async observe(machine, see) {
      const timeline = open(machine)
      const [one, two] = [await fenceAt(machine, timeline, 5), await fenceAt(machine, timeline, 5)]
      const info = await fileInfo(machine, number(await merge(machine, one, two)), 0)
      see('merged', typeof info === 'string' ? info : info.fenceCount, 1)
      await increment(machine, timeline, 5)
      see('both', [await machine.poll(one, POLLIN), await machine.poll(two, POLLIN)], [1, 1])
    },
  },
  {
    name: 'Fences of one timeline merge to the later one [SF-11, UNW-4]',
    needs: 'sw_sync',
    async observe(machine, see) {
      const timeline = open(machine)
      const [one, two] = [await fenceAt(machine, timeline, 1), await fenceAt(machine, timeline, 3)]
      const both = number(await merge(machine, two, one))
      await increment(machine, timeline, 1)
      see('at 1', await statuses(machine, both, 2), [0])
      await increment(machine, timeline, 2)
      see('at 3', await statuses(machine, both, 2), [1])
    },
  },
  {
    name: 'The earliest deadline is remembered, and none of a signalled fence [SW-8, SW-9, SF-20]',
    needs: 'sw_sync',
    async observe(machine, see) {
      const timeline = open(machine)
      const fence = await fenceAt(machine, timeline, 1)
      const set = (deadlineNs: bigint) =>
        machine.ioctl(fence, SYNC_IOC_SET_DEADLINE, encodeSetDeadline({ deadlineNs, pad: 0n }))
      const asked = { fenceFd: fence }
      see('none', await deadlineOf(machine, timeline, asked), 'ENOENT')
      await set(5000n)
      see('one', await deadlineOf(machine, timeline, asked), 5000)
      await set(7000n)
      see('a later one', await deadlineOf(machine, timeline, asked), 5000)
      await set(3000n)
      see('an earlier one', await deadlineOf(machine, timeline, asked), 3000)
      see('by another timeline', await deadlineOf(machine, open(machine), asked), 3000)
      const late = await fenceAt(machine, timeline, 2)
      await increment(machine, timeline, 2)
      await machine.ioctl(
        late,
        SYNC_IOC_SET_DEADLINE,
        encodeSetDeadline({ deadlineNs: 1n, pad: 0n }),
      )
      see('signalled', await deadlineOf(machine, timeline, { fenceFd: late }), 'ENOENT')
    },
  },
  {
    name: 'GET_DEADLINE refuses what it did not ask for [SW-8]',
    needs: 'sw_sync',
    async observe(machine, see) {
      const timeline = open(machine)
      const fence = await fenceAt(machine, timeline, 1)
      const other = await fenceAt(machine, open(machine), 1)
      const asked = (change: Partial<uapi.GetDeadline>) =>
        deadlineOf(machine, timeline, { fenceFd: fence, ...change })
      see('a deadline', await asked({ deadlineNs: 1n }), 'EINVAL')
      see('padding', await asked({ pad: 1 }), 'EINVAL')
      see('-1', await asked({ fenceFd: -1 }), 'EINVAL')
      see('the timeline', await asked({ fenceFd: timeline }), 'EINVAL')
      const both = number(await merge(machine, fence, other))
      see('two fences', await asked({ fenceFd: both }), 'EINVAL')
      const stub = number(await exportSyncFile(machine, await buffer(machine), 3))
      see('the stub', await asked({ fenceFd: stub }), 'EINVAL')
    },
  },
  {
    name: 'sw_sync faults, has no room, and does not know other commands [SW-2, SW-6, SW-8, SW-10]',
    needs: 'sw_sync',
    async observe(machine, see) {
      const timeline = open(machine)
      for (const [what, command] of [
        ['CREATE_FENCE', uapi.SW_SYNC_IOC_CREATE_FENCE],
        ['INC', uapi.SW_SYNC_IOC_INC],
        ['GET_DEADLINE', uapi.SW_SYNC_GET_DEADLINE],
      ] as const)
        see(`${what} nowhere`, await machine.ioctl(timeline, command, NOWHERE), 'EFAULT')
      see('unknown', await machine.ioctl(timeline, 0x40045703, new Uint8Array(8)), 'ENOTTY')
      await machine.withFullTable(async () => {
        see('CREATE_FENCE, full', await createFence(machine, timeline, 1), 'EMFILE')
      })
      see('INC to the highest', await increment(machine, timeline, MAX_INT), 0)
    },
  },
]
