import type { ConsumerOptions } from './consumer-options.js'

/**
 * A place at a queue for another thread: post it to a worker, which opens it with openFramePort(). Plain data;
 * for one consumer of this process.
 */
export interface FramePort {
  readonly dmabufPort: 1
}

/** How a port's opener takes part. */
export type FramePortOptions = Omit<ConsumerOptions, 'access'>
