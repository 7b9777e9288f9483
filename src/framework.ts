/**
 * What exporters, importers and drivers need besides `dmabuf`: ops and attachments, wound/wait locks, fence
 * containers, references, waits with the kernel's results, and the kernel's calls on descriptors. All of it
 * is plain JavaScript.
 *
 * @module
 */

// Exporting
export { directionOf } from './core/buffer/access.js'
export { mapFile, mmapBuffer } from './core/buffer/mmap.js'
export { bufferObject } from './core/buffer/buffer.js'
export { BufferObject } from './core/buffer/buffer-object.js'
export { beginCpuAccess, endCpuAccess } from './core/buffer/driver-access.js'
export { findBuffer } from './core/buffer/find-buffer.js'
export { MapArea, type MappedFile } from './core/buffer/map-area.js'
export { PAGE_BYTES } from './core/buffer/page.js'
export { isEscaped, RevocableBytes } from './core/buffer/revocable-bytes.js'
export { SgEntry, SgTable, type PagesOptions } from './core/buffer/sg-table.js'
export { IosysMap, type WordType } from './core/buffer/iosys-map.js'
export {
  vmapBuffer,
  vmapUnlocked,
  vunmapBuffer,
  vunmapUnlocked,
  type Vmap,
} from './core/buffer/vmap.js'
export { mapForDma, unmapForDma } from './core/buffer/dma-mapping.js'
export {
  combineConstraints,
  segmentProblem,
  type AddressRange,
  type Claim,
  type PlacementConstraint,
  type Requirement,
} from './core/buffer/constraints.js'
export { moveMemory, sharedMemoryOf } from './core/heap/memory-heap.js'
export {
  dmaMemory,
  PageFrames,
  type Backing,
  type PageFramesOptions,
  systemFrames,
  type Placement,
} from './core/heap/page-frames.js'
export { PlacedMemory } from './core/heap/placed-memory.js'
export {
  HeapRegistry,
  type HeapInfo,
  type HeapOps,
  type HeapRequest,
  type RegisteredHeap,
} from './core/heap/registry.js'

// Importing
export { attachDevice, type AttachOptions } from './core/buffer/attach.js'
export {
  isDynamicExporter,
  type AttachableBuffer,
  type AttachmentOps,
} from './core/buffer/attachment-ops.js'
export { detachDevice } from './core/buffer/detach.js'
export { mapAttachment, unmapAttachment } from './core/buffer/map-attachment.js'
export { moveNotify, pinAttachment, unpinAttachment } from './core/buffer/pin.js'

// Fences
export { isFenceContainer } from './core/fence/container.js'
export { allocateContext } from './core/fence/context.js'
export { describeFence } from './core/fence/describe.js'
export {
  arrayFirst,
  arrayNext,
  createFenceArray,
  FenceArray,
  isFenceArray,
  matchContext,
  type FenceArrayOptions,
} from './core/fence/fence-array.js'
export {
  containedFence,
  createFenceChain,
  FenceChain,
  findChainSeqno,
  isFenceChain,
  walkChain,
} from './core/fence/fence-chain.js'
export type { FenceEvent } from './core/fence/fence-watch.js'
export { fenceFlags, isFlaggedSignaled, setFenceFlags } from './core/fence/fence-flags.js'
export { isLater, isLaterOrSame, laterFence } from './core/fence/order.js'
export { pendingLeaves } from './core/fence/pending-leaves.js'
export { getFence, putFence, tryGetFence } from './core/fence/references.js'
export { setFenceError, signalFence } from './core/fence/signal.js'
export { beginSignalling, endSignalling } from './core/fence/signalling.js'
export { createPrivateStub, stubFence } from './core/fence/stub.js'
export { fenceTimestamp } from './core/fence/timestamp.js'
export { onFenceEvent, traceEmit, type FenceTrace } from './core/fence/trace.js'
export { FenceLeaves, unwrapFences } from './core/fence/unwrap.js'
export {
  defaultWait,
  waitAnyFence,
  waitFenceTimeout,
  type InterruptOptions,
} from './core/fence/wait.js'

// Reservations and their locks
export { AcquireContext, type AcquireContextOptions } from './core/reservation/acquire-context.js'
export type { FenceCursor, FenceEntry } from './core/reservation/cursor.js'
export {
  describeHolder,
  type HolderDescription,
  type LockParty,
} from './core/reservation/describe-holder.js'
export { checkHeld } from './core/reservation/held.js'
export { reservationWwClass } from './core/reservation/reservation.js'
export { submit, usageToObey, usageToPublish, type BufferUse } from './core/reservation/submit.js'
export { usageToWaitFor } from './core/reservation/usage.js'
export { WwClass, type WwAlgorithm, type WwClassOptions } from './core/reservation/ww-class.js'
export { WwMutex, type LockOptions } from './core/reservation/ww-mutex.js'

// Running and debugging
export { defer, drainDeferred } from './core/deferred.js'
export { useHost, type Host } from './core/host.js'
export { BufferDirectory, type BufferFact } from './core/statistics/buffer-directory.js'
export { nameTask, type Task } from './core/wait-graph.js'

// The kernel's calls on descriptors
export { describeSwSync, SwSyncTimeline, swSyncDeadlineNs } from './core/sw-sync.js'
export type { Caller } from './syscalls/caller.js'
export { DescriptorTable, type DescriptorOptions } from './syscalls/descriptor-table.js'
export { mapDescriptor, type MapRequest, type MmapArguments } from './syscalls/mmap.js'
export {
  bufferOfDescriptor,
  descriptorForBuffer,
  OpenBuffer,
  type BufferStat,
  type BufferStatfs,
} from './syscalls/open-buffer.js'
export { OpenFile } from './syscalls/open-file.js'
export { OpenHeap } from './syscalls/open-heap.js'
export { OpenSwSync } from './syscalls/open-sw-sync.js'
export {
  descriptorForSyncFile,
  OpenSyncFile,
  syncFileOfDescriptor,
} from './syscalls/open-sync-file.js'
export { pollDescriptors, type PollRequest } from './syscalls/poll.js'
export type { UserMemory } from './syscalls/user-memory.js'
