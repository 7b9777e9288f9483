import type { DmaBuf } from '../core/buffer/buffer.js'
import { DmaBufError } from '../core/errors.js'
import type { WaitOptions } from '../core/host.js'
import type { ConsumerOptions } from '../frames/consumer-options.js'
import { QueueConnection } from '../frames/queue-connection.js'
import { MessageType } from '../interprocess/link-message.js'
import { initConsumerPage } from '../interprocess/queue-consumer.js'
import { decodeWelcome, encodeJoin } from '../interprocess/queue-message.js'
import { CONSUMER_PAGE_BYTES, queuePageBytes } from '../interprocess/queue-page.js'
import { importFd } from './buffer-fd.js'
import { Doorbell, DoorbellListener } from './doorbell.js'
import type { Link, Received } from './link.js'
import { LinkTransport } from './link-transport.js'
import { MapMode, Mapping } from './mapping.js'
import { checkReceivedMemory, roundUpToPages } from './memfd.js'
import { OwnPage } from './own-page.js'
import type { OwnedFd } from './owned-fd.js'
import { Resources } from './resources.js'

const JOIN_TIMEOUT_MS = 5000

/**
 * Joins the queue at the other end of a link.
 *
 * @param link - moved: closed with the connection, or now if this throws
 * @param rung - called when the producer rang
 * @throws {DmaBufError} what the server refused with; EPROTO where what it sent cannot be used
 */
export async function joinQueue(
  link: Link,
  options: Required<ConsumerOptions> & WaitOptions,
  rung: () => void,
): Promise<QueueConnection> {
  const resources = new Resources()
  try {
    return await join(link, options, { rung, resources })
  } catch (error) {
    resources[Symbol.dispose]()
    await link.close()
    throw error
  }
}

async function join(
  link: Link,
  options: Required<ConsumerOptions> & WaitOptions,
  joining: { rung: () => void; resources: Resources },
): Promise<QueueConnection> {
  const { mode, maxHeld, signal } = options
  const { resources, rung } = joining
  const page = resources.own(new OwnPage('consumer', CONSUMER_PAGE_BYTES))
  initConsumerPage(page.words)
  const bell = resources.own(new Doorbell())
  await postJoin(link, encodeJoin({ mode, maxHeld }), [page.fd, bell.set])
  page.fd.close()
  bell.set.close()
  const timeoutMs = Math.min(options.timeoutMs ?? JOIN_TIMEOUT_MS, JOIN_TIMEOUT_MS)
  const received = await link.next(MessageType.queueWelcome, { signal, timeoutMs })
  if (received === undefined)
    throw new DmaBufError('EPIPE', 'connectFrames', 'The server closed the link')
  const { welcome, queue, buffers } = openWelcome(received, link, { options, resources, rung })
  return new QueueConnection({
    transport: new LinkTransport(link, bell, resources),
    queue: queue.words(),
    own: page.words,
    buffers,
    welcome,
    mode,
    maxHeld,
  })
}

async function postJoin(
  link: Link,
  join: Uint8Array<ArrayBuffer>,
  fds: readonly OwnedFd[],
): Promise<void> {
  try {
    await link.post(MessageType.queueJoin, join, { fds })
  } catch (error) {
    // Whoever has left already may have said why, and whoever has not is dead.
    link.pump()
    throw link.end === undefined || link.end.clean ? error : link.end.error
  }
}

function openWelcome(
  received: Received,
  link: Link,
  to: { options: Required<ConsumerOptions>; resources: Resources; rung: () => void },
): { welcome: ReturnType<typeof decodeWelcome>; queue: Mapping; buffers: DmaBuf[] } {
  const { options, resources, rung } = to
  const fds = received.fds.map((fd) => resources.own(fd))
  const welcome = decodeWelcome(received.payload)
  if (fds.length !== welcome.bufferCount + 2)
    throw new DmaBufError('EPROTO', 'connectFrames', `The server sent ${fds.length} descriptors`)
  const [page, set, ...memories] = fds as [OwnedFd, OwnedFd, ...OwnedFd[]]
  const pageBytes = roundUpToPages(queuePageBytes(welcome.bufferCount))
  checkReceivedMemory(page, pageBytes, 'a queue page')
  const queue = resources.own(new Mapping(page, pageBytes, MapMode.readOnly))
  page.close()
  resources.own(new DoorbellListener(set, rung, (error) => link.breakOff(error)))
  const { lengthBytes } = welcome
  const { access } = options
  const buffers = memories.map((fd) =>
    resources.own(importFd(fd, { lengthBytes, access, exporterName: 'frame' })),
  )
  return { welcome, queue, buffers }
}
