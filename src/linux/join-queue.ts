import { DmaBufError } from '../core/errors.js'
import type { WaitOptions } from '../core/host.js'
import type { ConsumerOptions } from '../frames/consumer-options.js'
import { QueueConnection } from '../frames/queue-connection.js'
import { SlotBuffers } from '../frames/slot-buffers.js'
import { MessageType } from '../interprocess/link-message.js'
import { initConsumerPage } from '../interprocess/queue-consumer.js'
import {
  decodeBuffers,
  decodeWelcome,
  encodeJoin,
  type BufferEntry,
} from '../interprocess/queue-message.js'
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
  const { mode, maxHeld, fences, signal } = options
  const { resources, rung } = joining
  const page = resources.own(new OwnPage('consumer', CONSUMER_PAGE_BYTES))
  initConsumerPage(page.words)
  const bell = resources.own(new Doorbell())
  await link.request(MessageType.queueJoin, encodeJoin({ mode, maxHeld }), {
    fds: [page.fd, bell.set],
  })
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
    fences,
  })
}

function openWelcome(
  received: Received,
  link: Link,
  to: { options: Required<ConsumerOptions>; resources: Resources; rung: () => void },
): { welcome: ReturnType<typeof decodeWelcome>; queue: Mapping; buffers: SlotBuffers } {
  const { options, resources, rung } = to
  const fds = received.fds.map((fd) => resources.own(fd))
  const welcome = decodeWelcome(received.payload)
  const [page, set, ...memories] = fds
  if (page === undefined || set === undefined || memories.length !== welcome.buffers.length)
    throw new DmaBufError('EPROTO', 'connectFrames', `The server sent ${fds.length} descriptors`)
  const pageBytes = roundUpToPages(queuePageBytes(welcome.slotCount))
  checkReceivedMemory(page, pageBytes, 'a queue page')
  const queue = resources.own(new Mapping(page, pageBytes, MapMode.readOnly))
  page.close()
  resources.own(new DoorbellListener(set, rung, (error) => link.breakOff(error)))
  const buffers = resources.own(new SlotBuffers())
  putBuffers(buffers, welcome.buffers, { fds: memories, access: options.access })
  link.listen(MessageType.queueBuffers, (message) => {
    takeBuffers(link, message, { buffers, access: options.access, slotCount: welcome.slotCount })
    rung()
  })
  return { welcome, queue, buffers }
}

/** Puts what came in place. @param from.fds - one for each entry with a length; moved or closed */
function putBuffers(
  buffers: SlotBuffers,
  entries: readonly BufferEntry[],
  from: { readonly fds: readonly OwnedFd[]; readonly access: 'read' | 'readwrite' },
): void {
  let next = 0
  for (const { slot, serial, lengthBytes } of entries) {
    const fd = lengthBytes === 0 ? undefined : from.fds[next++]
    const { access } = from
    const buffer =
      fd === undefined ? undefined : importFd(fd, { lengthBytes, access, exporterName: 'frame' })
    buffers.put({ slot, serial, buffer })
  }
}

// Other buffers than before: a link that sends nonsense, or for which there is no memory, ends.
function takeBuffers(
  link: Link,
  message: Received,
  to: {
    readonly buffers: SlotBuffers
    readonly access: 'read' | 'readwrite'
    readonly slotCount: number
  },
): void {
  const { fds, payload } = message
  try {
    const entries = decodeBuffers(payload, to.slotCount)
    const count = entries.filter(({ lengthBytes }) => lengthBytes > 0).length
    if (fds.length !== count)
      throw new DmaBufError(
        'EPROTO',
        'receive',
        `The server sent ${fds.length} descriptors for ${count} buffers`,
      )
    putBuffers(to.buffers, entries, { fds, access: to.access })
  } catch (error) {
    for (const fd of fds) fd.close()
    link.breakOff(
      DmaBufError.is(error) ? error : new DmaBufError('EPROTO', 'receive', String(error)),
    )
  }
}
