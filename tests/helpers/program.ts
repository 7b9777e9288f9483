// A program without an operating system: descriptors, memory, and the system calls that tests make.
import assert from 'node:assert/strict'
import type { AbortSignalLike } from '#src/core/host.js'
import type { Caller } from '#src/syscalls/caller.js'
import { DescriptorTable } from '#src/syscalls/descriptor-table.js'
import { pollDescriptors } from '#src/syscalls/poll.js'
import { OpenSwSync } from '#src/syscalls/open-sw-sync.js'
import { POLLIN } from '#src/uapi/file.js'
import * as sw from '#src/uapi/sw-sync.js'
import * as sync from '#src/uapi/sync-file.js'
import { errorCode } from './error-code.js'
import { TestMemory } from './user-memory.js'

/** What a program sees of a sync file. */
export interface SeenFile {
  readonly name: string
  readonly status: number
  readonly fenceCount: number
  readonly fences: readonly sync.FenceInfo[]
}

export class Program implements Disposable {
  readonly table: DescriptorTable
  readonly memory = new TestMemory()
  readonly caller: Caller

  constructor(options: { limit?: number; signal?: AbortSignalLike } = {}) {
    const { limit = 1024, signal } = options
    this.table = new DescriptorTable({ limit })
    this.caller = { memory: this.memory, table: this.table, signal }
  }

  /** One ioctl on a structure, which is written in place. */
  async ioctl(fd: number, command: number, bytes: Uint8Array): Promise<Uint8Array> {
    const address = this.memory.map(bytes)
    try {
      assert.equal(await this.ioctlAt(fd, command, address), 0)
      return bytes
    } finally {
      this.memory.unmap(address)
    }
  }

  /** One ioctl with a bare argument. */
  async ioctlAt(fd: number, command: number, argument: bigint): Promise<number> {
    return this.table.file(fd).ioctl(command, argument, this.caller)
  }

  /** The errno of one ioctl on a structure. */
  ioctlError(fd: number, command: number, bytes: Uint8Array): Promise<string> {
    return errorCode(() => this.ioctl(fd, command, bytes))
  }

  /** The errno of an ioctl; nothing may be leaked or lost by it. */
  async refused(fd: number, command: number, argument: bigint): Promise<string> {
    const before = [this.table.openCount, this.table.takenCount]
    const code = await errorCode(() => this.ioctlAt(fd, command, argument))
    assert.deepEqual([this.table.openCount, this.table.takenCount], before, 'a descriptor leaked')
    return code
  }

  /** Opens sw_sync: a timeline of its own. */
  openTimeline(taskName = 'test'): number {
    return this.table.open(new OpenSwSync(taskName))
  }

  async createFence(timeline: number, value: number): Promise<number> {
    const bytes = sw.encodeCreateFenceData({ value, name: 'ignored', fence: -1 })
    return sw.decodeCreateFenceData(await this.ioctl(timeline, sw.SW_SYNC_IOC_CREATE_FENCE, bytes))
      .fence
  }

  async increment(timeline: number, amount: number): Promise<void> {
    await this.ioctl(timeline, sw.SW_SYNC_IOC_INC, sw.encodeIncrement(amount))
  }

  async merge(fd: number, fd2: number, name = ''): Promise<number> {
    const bytes = sync.encodeMergeData({ name, fd2, fence: -1, flags: 0, pad: 0 })
    return sync.decodeMergeData(await this.ioctl(fd, sync.SYNC_IOC_MERGE, bytes)).fence
  }

  /** FILE_INFO as programs ask: the count first, then the array. */
  async fileInfo(fd: number): Promise<SeenFile> {
    const blank = { name: '', status: 0, flags: 0, pad: 0, fencesAddress: 0n }
    const ask = async (fenceCount: number, array: Uint8Array): Promise<sync.FileInfo> => {
      const fencesAddress = this.memory.map(array)
      const bytes = sync.encodeFileInfo({ ...blank, fenceCount, fencesAddress })
      const info = sync.decodeFileInfo(await this.ioctl(fd, sync.SYNC_IOC_FILE_INFO, bytes))
      this.memory.unmap(fencesAddress)
      return info
    }
    const { fenceCount } = await ask(0, new Uint8Array(0))
    const size = sync.SYNC_FENCE_INFO_BYTES
    const array = new Uint8Array(fenceCount * size)
    const { name, status } = await ask(fenceCount, array)
    const fences = Array.from({ length: fenceCount }, (_, index) =>
      sync.decodeFenceInfo(array.subarray(index * size, (index + 1) * size)),
    )
    return { name, status, fenceCount, fences }
  }

  /** How many fences of a sync file have that status. */
  async countWithStatus(fd: number, status: number): Promise<number> {
    const { fences } = await this.fileInfo(fd)
    return fences.filter((fence) => fence.status === status).length
  }

  /** poll(POLLIN): whether it is ready in time. */
  async waitFor(fd: number, timeoutMs?: number): Promise<boolean> {
    const [events] = await pollDescriptors(this.table, [{ fd, events: POLLIN }], { timeoutMs })
    return events === POLLIN
  }

  [Symbol.dispose](): void {
    this.table[Symbol.dispose]()
  }
}
