/**
 * Buffers, frame queues and fences that processes share on Linux. The native part is loaded at first use.
 *
 * @module
 */
export { exportFd, importFd } from './buffer-fd.js'
export { connectFrames } from './connect-frames.js'
export { createFrameQueue } from './create-frame-queue.js'
export type { DomainMember } from './domain-peer.js'
export type { MemberChange } from './domain-group.js'
export type { Domain, OpenBufferOptions } from './domain.js'
export { openDmaHeap } from './dma-heap.js'
export { fdInfo, type FdInfo } from './fd-info.js'
export { openHeap, type OpenHeapOptions } from './open-heap.js'
export { createUdmabuf, openUdmabufHeap, type MemoryPart } from './udmabuf.js'
export type { Consumer } from '../frames/consumer.js'
export type { Frame } from '../frames/frame.js'
export type { ConsumerChange, FrameQueue, QueueStats } from '../frames/frame-queue.js'
export type { FramePort, FramePortOptions } from '../frames/frame-port.js'
export type { FrameStream, StreamStats } from '../frames/frame-stream.js'
export { joinDomain } from './join-domain.js'
export { isKernelFence, type KernelFence } from './kernel-fence.js'
export { connectLink, type ConnectOptions } from './link-connect.js'
export { inheritLink, linkPair } from './link-pair.js'
export type { Link, LinkEnd } from './link.js'
export { openMemfdHeap, type MemfdHeapOptions } from './memfd-heap.js'
export type { Message } from './message.js'
export { openFramePort } from './open-frame-port.js'
export { OwnedFd } from './owned-fd.js'
export type { Peer } from './peer.js'
export type { PeerPolicy } from './peer-policy.js'
export type { Capability, CapabilityGroup } from './probe/capability.js'
export { probe } from './probe/probe.js'
export type { ConsumerOptions } from '../frames/consumer-options.js'
export {
  receiveTimeline,
  type BlockingWaitOptions,
  type RemoteTimeline,
} from './remote-timeline.js'
export type { QueueOptions, SlowConsumerPolicy } from '../frames/queue-options.js'
export { serveFrames, type ServeFramesOptions } from './serve-frames.js'
export { serveDomain, type DomainOptions, type ServedDomain } from './serve-domain.js'
export { serveLinks, type LinkListener } from './serve-links.js'
export { receiveFence, shareFence } from './share-fence.js'
export { exportSyncFile, importSyncFile, type KernelSyncFile } from './sync-file-fd.js'
export { shareTimeline } from './share-timeline.js'
export type { FrameMetadata, WritableFrame } from '../frames/writable-frame.js'
export type { Rectangle } from '../interprocess/frame-descriptor.js'
export type { FenceMode, QueueMode } from '../interprocess/queue-consumer.js'
