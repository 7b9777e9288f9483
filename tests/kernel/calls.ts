// The calls that observations make, with their structures filled in.
import * as buf from '#src/uapi/dma-buf.js'
import * as heap from '#src/uapi/dma-heap.js'
import { O_CLOEXEC, O_RDONLY, O_RDWR } from '#src/uapi/file.js'
import * as file from '#src/uapi/sync-file.js'
import type { Machine, Outcome } from './machine.js'

export const PAGE = 4096

/** What cannot fail in an observation that is about something else. */
export function number(outcome: Outcome): number {
  if (typeof outcome === 'number') return outcome
  throw new Error(`A call failed that has to work here: ${outcome}`)
}

/** Asks a heap. @returns the new descriptor, or the error */
export async function allocate(
  machine: Machine,
  fd: number,
  asked: Partial<heap.AllocationData>,
): Promise<Outcome> {
  const defaults = { lengthBytes: BigInt(PAGE), fd: 0, fdFlags: O_RDWR | O_CLOEXEC, heapFlags: 0n }
  const bytes = heap.encodeAllocationData({ ...defaults, ...asked })
  const result = await machine.ioctl(fd, heap.DMA_HEAP_IOCTL_ALLOC, bytes)
  return result === 0 ? heap.decodeAllocationData(bytes).fd : result
}

/** A buffer of the heap. */
export async function buffer(
  machine: Machine,
  { pages = 1, fdFlags = O_RDWR | O_CLOEXEC }: { pages?: number; fdFlags?: number } = {},
): Promise<number> {
  const node = number(machine.open('heap', O_RDONLY))
  const fd = number(await allocate(machine, node, { lengthBytes: BigInt(pages * PAGE), fdFlags }))
  machine.close(node)
  return fd
}

export function sync(machine: Machine, fd: number, flags: bigint, waits = false): Promise<Outcome> {
  return machine.ioctl(fd, buf.DMA_BUF_IOCTL_SYNC, buf.encodeSync(flags), waits)
}

/** @returns the new descriptor, or the error */
export async function exportSyncFile(
  machine: Machine,
  fd: number,
  flags: number,
): Promise<Outcome> {
  const bytes = buf.encodeSyncFileArgument({ flags, fd: -1 })
  const result = await machine.ioctl(fd, buf.DMA_BUF_IOCTL_EXPORT_SYNC_FILE, bytes)
  return result === 0 ? buf.decodeSyncFileArgument(bytes).fd : result
}

export function importSyncFile(
  machine: Machine,
  fd: number,
  flags: number,
  fence: number,
): Promise<Outcome> {
  const bytes = buf.encodeSyncFileArgument({ flags, fd: fence })
  return machine.ioctl(fd, buf.DMA_BUF_IOCTL_IMPORT_SYNC_FILE, bytes)
}

/** @returns the new descriptor, or the error */
export async function merge(
  machine: Machine,
  fd: number,
  fd2: number,
  asked: Partial<file.MergeData> = {},
): Promise<Outcome> {
  const defaults = { name: 'merged', fd2, fence: -1, flags: 0, pad: 0 }
  const bytes = file.encodeMergeData({ ...defaults, ...asked })
  const result = await machine.ioctl(fd, file.SYNC_IOC_MERGE, bytes)
  return result === 0 ? file.decodeMergeData(bytes).fence : result
}

export interface SeenInfo {
  readonly name: string
  readonly status: number
  readonly fenceCount: number
  readonly fences: readonly file.FenceInfo[]
}

/** FILE_INFO with room for so many fences. */
export async function fileInfo(
  machine: Machine,
  fd: number,
  room: number,
  asked: Partial<file.FileInfo> = {},
): Promise<SeenInfo | string> {
  const array = new Uint8Array(Math.max(room, 1) * file.SYNC_FENCE_INFO_BYTES)
  const blank = { name: '', status: 0, flags: 0, pad: 0, fencesAddress: machine.address(array) }
  const bytes = file.encodeFileInfo({ ...blank, fenceCount: room, ...asked })
  const result = await machine.ioctl(fd, file.SYNC_IOC_FILE_INFO, bytes)
  if (typeof result === 'string') return result
  const { name, status, fenceCount } = file.decodeFileInfo(bytes)
  const fences = Array.from({ length: Math.min(room, fenceCount) }, (_, index) => {
    const start = index * file.SYNC_FENCE_INFO_BYTES
    return file.decodeFenceInfo(array.subarray(start, start + file.SYNC_FENCE_INFO_BYTES))
  })
  return { name, status, fenceCount, fences }
}

/** The status of each fence of a sync_file. */
export async function statuses(
  machine: Machine,
  fd: number,
  room: number,
): Promise<readonly number[]> {
  const info = await fileInfo(machine, fd, room)
  if (typeof info === 'string') throw new Error(`FILE_INFO: ${info}`)
  return info.fences.map(({ status }) => status)
}

/** Names a buffer. @param text - its bytes, the NUL included */
export function setName(machine: Machine, fd: number, text: Uint8Array): Promise<Outcome> {
  return machine.ioctl(fd, buf.DMA_BUF_SET_NAME_B, text)
}
