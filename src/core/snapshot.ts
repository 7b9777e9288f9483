import { bufferObjects } from './buffer/buffer-list.js'
import type { BufferObject } from './buffer/buffer-object.js'
import type { Fence } from './fence/fence.js'
import type { Usage } from './reservation/usage.js'

/** A fence on a buffer, as plain data. */
export interface FenceSnapshot {
  readonly usage: Usage
  readonly driverName: string
  readonly timelineName: string
  readonly context: number
  readonly seqno: number
}

/** A buffer, as plain data. */
export interface BufferSnapshot {
  /** In decimal. */
  readonly inode: string
  readonly name: string | undefined
  readonly exporterName: string
  readonly lengthBytes: number
  /** Handles, accesses, loans, armed polls. */
  readonly references: number
  /** Names of the devices attached, newest first. */
  readonly devices: readonly string[]
  readonly isLocked: boolean
  /** Those that are pending. */
  readonly fences: readonly FenceSnapshot[]
}

/** All live buffers of this process at one moment. */
export interface Snapshot {
  readonly version: 1
  /** Newest first. */
  readonly buffers: readonly BufferSnapshot[]
}

/**
 * A picture of all live buffers of this process, as plain data for programs: it can be posted, stored and
 * compared. Takes no lock; looking at fences may signal some that were done.
 *
 * @rule STAT-5, STAT-10
 */
export function snapshot(): Snapshot {
  return { version: 1, buffers: Array.from(bufferObjects(), (object) => snapshotOf(object)) }
}

function snapshotOf(object: BufferObject): BufferSnapshot {
  const { inode, name, exporterName, lengthBytes, references } = object
  const reservation = object.knownReservation
  return {
    inode: String(inode),
    name,
    exporterName,
    lengthBytes,
    references,
    devices: Array.from(object.attachments, ({ device }) => device.name),
    isLocked: reservation?.isLocked ?? false,
    fences: reservation === undefined ? [] : fencesOf(object),
  }
}

function fencesOf(object: BufferObject): readonly FenceSnapshot[] {
  const fences: FenceSnapshot[] = []
  for (const { fence, usage, isRestarted } of object.reservation.entries('bookkeep')) {
    if (isRestarted) fences.length = 0
    fences.push(plain(fence, usage))
  }
  return fences
}

function plain(fence: Fence, usage: Usage): FenceSnapshot {
  const { driverName, timelineName, context, seqno } = fence
  return { usage, driverName, timelineName, context, seqno }
}
