import { DmaBufError } from '../core/errors.js'
import { checkWait } from '../core/wait.js'
import { checkConsumerOptions, type ConsumerOptions } from '../frames/consumer-options.js'
import { FrameStream } from '../frames/frame-stream.js'
import type { QueueConnection } from '../frames/queue-connection.js'
import { joinQueue } from './join-queue.js'
import { connectLink, type ConnectOptions } from './link-connect.js'
import { Link } from './link.js'

/**
 * Connects to a queue that serveFrames() serves.
 *
 * @param at - the path it is served at, or one end of a link
 * @param options.waitForServer - wait for the server, now and whenever it dies
 * @returns owned: close() it, or hold it with `await using`
 * @throws {DmaBufError} ENOENT, ECONNREFUSED without a server; EBUSY where it has too few buffers, with
 *   the number to set; EACCES; EPROTO; ETIMEDOUT
 */
export async function connectFrames(
  at: string | Link,
  options: ConnectOptions & ConsumerOptions = {},
): Promise<FrameStream> {
  const { waitForServer = false } = options
  if (typeof at !== 'string' && !(at instanceof Link))
    throw new TypeError(`Connect to a path or a link: ${String(at)}`)
  const consumer = checkConsumerOptions(options)
  checkWait(options)
  const connect = async (rung: () => void, once: ConnectOptions): Promise<QueueConnection> => {
    // One timeout for all of it, however often the server dies while we join it.
    const left = countdown(once.timeoutMs)
    for (;;) {
      const link = typeof at === 'string' ? await connectLink(at, { ...once, ...left() }) : at
      try {
        return await joinQueue(link, { ...once, ...consumer, ...left() }, rung)
      } catch (error) {
        // The server died while we joined it.
        if (!waitForServer || at === link || !DmaBufError.is(error, 'EOWNERDEAD')) throw error
      }
    }
  }
  const stream = new FrameStream({
    mode: consumer.mode,
    reconnect:
      typeof at === 'string' && waitForServer
        ? (rung, signal) => connect(rung, { ...options, signal, timeoutMs: undefined })
        : undefined,
  })
  stream.attach(await connect(stream.rung, options))
  return stream
}

/** What is left of a timeout at each call; nothing where there is none. */
function countdown(timeoutMs: number | undefined): () => { timeoutMs?: number } {
  if (timeoutMs === undefined) return () => ({})
  const endMs = performance.now() + timeoutMs
  return () => ({ timeoutMs: Math.max(0, Math.ceil(endMs - performance.now())) })
}
