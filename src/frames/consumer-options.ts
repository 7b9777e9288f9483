import type { FenceMode, QueueMode } from '../interprocess/queue-consumer.js'
import { MAX_BUFFERS } from '../interprocess/queue-page.js'

/** How a consumer takes part. */
export interface ConsumerOptions {
  /** 'fifo': every frame in order, the producer waits for you; 'latest': the newest, others are skipped. */
  readonly mode?: QueueMode
  /** Frames held at once, 1 where absent. */
  readonly maxHeld?: number
  /**
   * What to do about frames whose fence has not signalled: 'wait' (default) until it has, in mode 'latest'
   * for the newest that is ready; 'pass': take them with their `fence`.
   */
  readonly fences?: FenceMode
  /** 'read' (default): stray stores stay in this process; 'readwrite': they change the producer's memory. */
  readonly access?: 'read' | 'readwrite'
}

/** The options with their defaults. @throws {TypeError} {RangeError} for what makes no sense */
export function checkConsumerOptions(options: ConsumerOptions): Required<ConsumerOptions> {
  const { mode = 'fifo', maxHeld = 1, access = 'read', fences = 'wait' } = options
  if (mode !== 'fifo' && mode !== 'latest')
    throw new TypeError(`mode must be 'fifo' or 'latest': ${String(mode)}`)
  if (access !== 'read' && access !== 'readwrite')
    throw new TypeError(`access must be 'read' or 'readwrite': ${String(access)}`)
  if (fences !== 'wait' && fences !== 'pass')
    throw new TypeError(`fences must be 'wait' or 'pass': ${String(fences)}`)
  if (!Number.isInteger(maxHeld) || maxHeld < 1 || maxHeld > MAX_BUFFERS - 2)
    throw new RangeError(`maxHeld must be 1 to ${MAX_BUFFERS - 2}: ${maxHeld}`)
  return { mode, maxHeld, access, fences }
}
