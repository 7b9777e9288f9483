import { DmaBufError } from '../core/errors.js'
import { MAX_BUFFERS } from '../interprocess/queue-page.js'
import { FrameStream } from './frame-stream.js'
import { connectLink, type ConnectOptions } from './link-connect.js'
import { Link } from './link.js'
import { QueueConnection, type ConsumerOptions } from './queue-connection.js'

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
  const { mode = 'fifo', maxHeld = 1, access = 'read', waitForServer = false } = options
  if (typeof at !== 'string' && !(at instanceof Link))
    throw new TypeError(`Connect to a path or a link: ${String(at)}`)
  if (mode !== 'fifo' && mode !== 'latest')
    throw new TypeError(`mode must be 'fifo' or 'latest': ${String(mode)}`)
  if (access !== 'read' && access !== 'readwrite')
    throw new TypeError(`access must be 'read' or 'readwrite': ${String(access)}`)
  if (!Number.isInteger(maxHeld) || maxHeld < 1 || maxHeld > MAX_BUFFERS - 2)
    throw new RangeError(`maxHeld must be 1 to ${MAX_BUFFERS - 2}: ${maxHeld}`)
  const connect = async (rung: () => void, once: ConnectOptions): Promise<QueueConnection> => {
    for (;;) {
      const link = typeof at === 'string' ? await connectLink(at, once) : at
      try {
        return await QueueConnection.join(link, { ...once, mode, maxHeld, access }, rung)
      } catch (error) {
        // The server died while we joined it.
        if (!waitForServer || at === link || !DmaBufError.is(error, 'EOWNERDEAD')) throw error
      }
    }
  }
  const stream = new FrameStream({
    mode,
    reconnect:
      typeof at === 'string' && waitForServer
        ? (rung, signal) => connect(rung, { ...options, signal, timeoutMs: undefined })
        : undefined,
  })
  stream.attach(await connect(stream.rung, options))
  return stream
}
