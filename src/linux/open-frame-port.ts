import type { WaitOptions } from '../core/host.js'
import { checkConsumerOptions } from '../frames/consumer-options.js'
import type { FramePort, FramePortOptions } from '../frames/frame-port.js'
import type { FrameStream } from '../frames/frame-stream.js'
import { openFramePort as openMemoryPort } from '../threads/open-frame-port.js'
import { isLinkPort, openLinkPort } from './queue-port.js'

/**
 * Opens a port that another thread of this process has posted: `queue.port()`.
 *
 * @returns owned: close() it, or hold it with `await using`
 * @throws {DmaBufError} EBUSY where it is opened already or the queue has too few buffers, EPIPE where its
 *   queue has closed, ETIMEDOUT; {TypeError} where it is no port
 */
export async function openFramePort(
  port: FramePort,
  options: FramePortOptions & WaitOptions = {},
): Promise<FrameStream> {
  if ((port as FramePort | undefined)?.dmabufPort !== 1)
    throw new TypeError('Open what queue.port() returned, as it arrived in a message')
  checkConsumerOptions(options)
  if (isLinkPort(port)) return openLinkPort(port, options)
  return openMemoryPort(port, options)
}
