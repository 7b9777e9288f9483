/**
 * Cameras (V4L2) whose pictures come into dma-bufs. Needs `dmabuf/linux`.
 *
 * @module
 */
export type { Capture, CaptureStats } from './capture.js'
export type { CaptureFrame } from './capture-frame.js'
export type { QueueMemoryKind } from './buffer-queue.js'
export type { CaptureFormat, CapturePlane } from './lay-out-picture.js'
export { listCameras, type VideoDevice } from './list-cameras.js'
export type { OfferedFormat } from './node-formats.js'
export type { VideoNodeKind } from './node-kind.js'
export { openCapture, type CaptureOptions } from './open-capture.js'
export type { WantedPicture } from './set-format.js'
