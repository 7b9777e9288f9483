import { DmaBufError } from '../core/errors.js'
import { putFence } from '../core/fence/fence.js'
import { SwSyncTimeline, swSyncDeadlineNs } from '../core/sw-sync.js'
import { createSyncFile, type SyncFile } from '../core/sync-file.js'
import { O_RDWR } from '../uapi/file.js'
import {
  decodeCreateFenceData,
  decodeGetDeadline,
  decodeIncrement,
  encodeGetDeadline,
  storeCreatedFence,
  SW_SYNC_CREATE_FENCE_DATA_BYTES,
  SW_SYNC_GET_DEADLINE,
  SW_SYNC_GET_DEADLINE_BYTES,
  SW_SYNC_INC_BYTES,
  SW_SYNC_IOC_CREATE_FENCE,
  SW_SYNC_IOC_INC,
} from '../uapi/sw-sync.js'
import type { Caller } from './caller.js'
import { OpenFile, unknownCommand } from './open-file.js'
import { syncFileAt, OpenSyncFile } from './open-sync-file.js'

/**
 * An open sw_sync: a timeline of its own, closed with its last reference.
 *
 * @kernel sw_sync_debugfs_fops
 * @rule SW-1, SW-10
 */
export class OpenSwSync extends OpenFile {
  /** The timeline, owned by this file. */
  readonly timeline: SwSyncTimeline

  /** @param taskName - of the program that opens it: the timeline's name. @rule SW-1 */
  constructor(taskName: string, flags = O_RDWR) {
    super(flags)
    this.timeline = new SwSyncTimeline(taskName)
  }

  override async ioctl(command: number, argument: bigint, caller: Caller): Promise<number> {
    switch (command >>> 0) {
      case SW_SYNC_IOC_CREATE_FENCE:
        return this.#createFence(argument, caller)
      case SW_SYNC_IOC_INC:
        this.timeline.increment(decodeIncrement(caller.memory.read(argument, SW_SYNC_INC_BYTES)))
        return 0
      case SW_SYNC_GET_DEADLINE:
        return getDeadline(argument, caller)
      default:
        throw unknownCommand(command)
    }
  }

  protected override release(): void {
    this.timeline.close()
  }

  // The kernel's order: a number, the argument in, the argument out. @rule SW-2
  #createFence(argument: bigint, { memory, table }: Caller): number {
    const fd = table.reserve({ closeOnExec: true })
    try {
      const bytes = memory.read(argument, SW_SYNC_CREATE_FENCE_DATA_BYTES)
      using syncFile = this.#syncFileOf(decodeCreateFenceData(bytes).value)
      memory.write(argument, storeCreatedFence(bytes, fd))
      table.install(fd, new OpenSyncFile(syncFile.dup()))
      return 0
    } catch (error) {
      table.cancel(fd)
      throw error
    }
  }

  #syncFileOf(seqno: number): SyncFile {
    const fence = this.timeline.createFence(seqno)
    try {
      return createSyncFile(fence)
    } finally {
      putFence(fence)
    }
  }
}

// Of any timeline's fence, not only this one's. @rule SW-8
function getDeadline(argument: bigint, { memory, table }: Caller): number {
  const asked = decodeGetDeadline(memory.read(argument, SW_SYNC_GET_DEADLINE_BYTES))
  if (asked.deadlineNs !== 0n || asked.pad !== 0) throw invalid('Deadline and padding must be 0')
  const syncFile = syncFileAt(table, asked.fenceFd)
  if (syncFile === undefined) throw invalid(`Descriptor must be a sync file: ${asked.fenceFd}`)
  const deadlineNs = BigInt(Math.trunc(swSyncDeadlineNs(syncFile.fence)))
  memory.write(argument, encodeGetDeadline({ ...asked, deadlineNs }))
  return 0
}

function invalid(message: string): DmaBufError {
  return new DmaBufError('EINVAL', 'get deadline', message, { rule: 'SW-8' })
}
