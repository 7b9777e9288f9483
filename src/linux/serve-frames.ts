import type { FrameQueue } from '../frames/frame-queue.js'
import { checkQueueOptions, type QueueOptions } from '../frames/queue-options.js'
import type { ConsumerGate } from './consumer-gate.js'
import { LinkServer } from './link-server.js'
import { Link } from './link.js'
import { makeQueue } from './make-queue.js'
import type { PeerPolicy } from './peer-policy.js'

/** How a queue is served to other processes. */
export interface ServeFramesOptions extends QueueOptions, PeerPolicy {
  /**
   * Consumers cannot change the frames, whatever they do: the buffers are sealed against writers once they
   * are mapped here. A filter that writes in place (`access: 'readwrite'`) is refused then. Off where absent,
   * since such filters are common and not every heap's memory can be sealed; EPERM where it cannot.
   */
  readonly readOnlyConsumers?: boolean
}

/**
 * Serves a queue of shared buffers at a socket path, or over one link.
 *
 * @param at - a path of at most 107 bytes, or one end of a link
 * @returns owned: close() it, or hold it with `await using`
 * @throws {DmaBufError} EADDRINUSE, EACCES, ENAMETOOLONG, ENOMEM; EPERM where `readOnlyConsumers` cannot be
 *   had; {RangeError} for absurd sizes
 */
export async function serveFrames(
  at: string | Link,
  options: ServeFramesOptions,
): Promise<FrameQueue> {
  if (typeof at !== 'string' && !(at instanceof Link))
    throw new TypeError(`Serve at a path or over a link: ${String(at)}`)
  const shape = checkQueueOptions(options)
  // The path first: it costs nothing, and most mistakes are there.
  let gate: ConsumerGate | undefined
  const server =
    typeof at === 'string'
      ? new LinkServer(at, options, (link) => void gate?.admit(link))
      : undefined
  try {
    const made = makeQueue(options, shape, () => server?.close())
    gate = made.gate
    if (at instanceof Link) void gate.admit(at)
    return made.queue
  } catch (error) {
    server?.close()
    throw error
  }
}
