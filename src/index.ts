/**
 * The framework itself, in plain JavaScript: importing this never loads native code and needs no
 * particular runtime. Buffers that processes share are in `dmabuf/linux`; what exporters, importers and
 * drivers need is in `dmabuf/framework`.
 *
 * @module
 */
export type {
  Access,
  Bytes,
  CpuAccessOptions,
  CpuView,
  ViewLifetime,
} from './core/buffer/access.js'
export type { MapOptions } from './core/buffer/map-attachment.js'
export { Attachment } from './core/buffer/attachment.js'
export type { ImporterOps } from './core/buffer/attachment-ops.js'
export { DmaBuf, exportBuffer } from './core/buffer/buffer.js'
export type { ExportInfo } from './core/buffer/buffer-object.js'
export { POLL_ERR, POLL_IN, POLL_OUT } from './core/buffer/poll-events.js'
export { CpuAccess } from './core/buffer/cpu-access.js'
export type { Device, DeviceConstraints, Direction } from './core/buffer/device.js'
export type { BufferOwner, ExporterOps } from './core/buffer/exporter.js'
export type { Segment, SgTable } from './core/buffer/sg-table.js'
export type { Vmap } from './core/buffer/vmap.js'
export { setDebug, type DebugOptions } from './core/debug.js'
export { DmaBufError, type DmaBufErrorOptions, type Errno } from './core/errors.js'
export { chainFence } from './core/fence/fence-chain.js'
export type { FenceWaitOptions } from './core/fence/fence-wait.js'
export { Fence, type FenceCallback, type FenceOps } from './core/fence/fence.js'
export { mergeFences } from './core/fence/merge.js'
export { createTimeline, type Timeline } from './core/fence/timeline.js'
export {
  layOutFormat,
  type Fourcc,
  type FrameColor,
  type FrameFormat,
  type LaidOutFormat,
  type Plane,
} from './core/frame/format.js'
export type { Heap, HeapKind } from './core/heap/heap.js'
export { openMemoryHeap, type MemoryHeapOptions } from './core/heap/memory-heap.js'
export type { AbortSignalLike, WaitOptions } from './core/host.js'
export { Held } from './core/reservation/held.js'
export { lockAll, type HeldAll, type LockAllOptions } from './core/reservation/lock-all.js'
export { Reservation, type ReservationLockOptions } from './core/reservation/reservation.js'
export type { Usage } from './core/reservation/usage.js'
export {
  snapshot,
  type BufferSnapshot,
  type FenceSnapshot,
  type Snapshot,
} from './core/snapshot.js'
export { describeBuffers } from './core/statistics/bufinfo.js'
export { liveBuffers } from './core/statistics/live-buffers.js'
export { createSyncFile, SyncFile, type FenceState, type SyncFileInfo } from './core/sync-file.js'
export { onWarning, type Warning } from './core/warn.js'
