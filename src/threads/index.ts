/**
 * Frame queues between threads, over SharedArrayBuffer: for browsers, and for Node without native code. On
 * Linux `dmabuf/linux` has the same functions, which open both kinds of ports.
 *
 * @module
 */
export { closeFramePort } from './close-frame-port.js'
export { createFrameQueue, type ThreadQueueOptions } from './create-frame-queue.js'
export { openFramePort } from './open-frame-port.js'
export type { Consumer } from '../frames/consumer.js'
export type { FramePort, FramePortOptions } from '../frames/frame-port.js'
export type { Frame } from '../frames/frame.js'
export type { ConsumerChange, FrameQueue, QueueStats } from '../frames/frame-queue.js'
export type { FrameStream, StreamStats } from '../frames/frame-stream.js'
export type { QueueOptions, SlowConsumerPolicy } from '../frames/queue-options.js'
export type { FrameMetadata, WritableFrame } from '../frames/writable-frame.js'
