/**
 * The framework itself, in plain JavaScript: importing this never loads native code and needs no
 * particular runtime. Buffers that processes share are in `dmabuf/linux`.
 *
 * @module
 */
export type { Access, Bytes, CpuView, ViewLifetime } from './core/buffer/access.js'
export { DmaBuf, exportBuffer } from './core/buffer/buffer.js'
export type { ExportInfo } from './core/buffer/buffer-object.js'
export { CpuAccess } from './core/buffer/cpu-access.js'
export type { ExporterOps } from './core/buffer/exporter.js'
export { DmaBufError, type DmaBufErrorOptions, type Errno } from './core/errors.js'
export { Fence, type FenceCallback, type FenceOps } from './core/fence/fence.js'
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
export type { AbortSignalLike, WaitOptions } from './core/host.js'
export { onWarning, type Warning } from './core/warn.js'
