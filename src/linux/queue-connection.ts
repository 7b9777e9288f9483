import type { DmaBuf } from '../core/buffer/buffer.js'
import { DmaBufError } from '../core/errors.js'
import type { WaitOptions } from '../core/host.js'
import { MessageType } from '../interprocess/link-message.js'
import { initConsumerPage, QueueConsumer, type QueueMode } from '../interprocess/queue-consumer.js'
import { decodeWelcome, encodeJoin } from '../interprocess/queue-message.js'
import { CONSUMER_PAGE_BYTES, queuePageBytes } from '../interprocess/queue-page.js'
import { importFd } from './buffer-fd.js'
import { Doorbell, DoorbellListener } from './doorbell.js'
import { Frame, type FrameOwner } from './frame.js'
import type { Link, Received } from './link.js'
import { MapMode, Mapping } from './mapping.js'
import { checkReceivedMemory, createMemfd, roundUpToPages, sealForReaders } from './memfd.js'
import type { OwnedFd } from './owned-fd.js'

/** How a consumer takes part. */
export interface ConsumerOptions {
  /** 'fifo': every frame in order, the producer waits for you; 'latest': the newest, others are skipped. */
  readonly mode?: QueueMode
  /** Frames held at once, 1 where absent. */
  readonly maxHeld?: number
  /** 'read' (default): stray stores stay in this process; 'readwrite': they change the producer's memory. */
  readonly access?: 'read' | 'readwrite'
}

const JOIN_TIMEOUT_MS = 5000

/** What closes with a connection, newest first. */
class Resources implements Disposable {
  readonly #items: Disposable[] = []

  own<T extends Disposable>(item: T): T {
    this.#items.push(item)
    return item
  }

  [Symbol.dispose](): void {
    for (let item = this.#items.pop(); item !== undefined; item = this.#items.pop())
      item[Symbol.dispose]()
  }
}

interface ConnectionParts {
  readonly link: Link
  readonly consumer: QueueConsumer
  readonly buffers: readonly DmaBuf[]
  readonly bell: Doorbell
  readonly resources: Resources
}

/** One connection to one producer: from its welcome to its end. A restarted producer is another one. */
export class QueueConnection implements FrameOwner {
  readonly link: Link
  readonly consumer: QueueConsumer
  /** Called when a frame was given back. */
  released: (() => void) | undefined
  readonly #buffers: readonly DmaBuf[]
  readonly #bell: Doorbell
  readonly #resources: Resources
  #closed = false
  #retired = false

  private constructor(parts: ConnectionParts) {
    this.link = parts.link
    this.consumer = parts.consumer
    this.#buffers = parts.buffers
    this.#bell = parts.bell
    this.#resources = parts.resources
  }

  /**
   * Joins the queue at the other end of a link.
   *
   * @param link - moved: closed with the connection, or now if this throws
   * @throws {DmaBufError} what the server refused with; EPROTO where what it sent cannot be used
   */
  static async join(
    link: Link,
    options: ConsumerOptions & WaitOptions,
    rung: () => void,
  ): Promise<QueueConnection> {
    const resources = new Resources()
    try {
      return new QueueConnection(await joinQueue(link, options, { rung, resources }))
    } catch (error) {
      resources[Symbol.dispose]()
      await link.close()
      throw error
    }
  }

  /** The next frame, or the newest; undefined where there is none. */
  acquire(): Frame | undefined {
    const claimed = this.consumer.acquire()
    if (claimed === undefined) return undefined
    return new Frame(this, claimed, this.#buffers[claimed.bufferIndex]!)
  }

  release(bufferIndex: number): void {
    if (this.#closed) return
    this.consumer.release(bufferIndex)
    if (this.consumer.producerBell.take()) this.#bell.ring()
    this.released?.()
    if (this.#retired && this.consumer.held === 0) void this.close()
  }

  /** Closes it as soon as no frame of it is held: what somebody looks at outlives its producer. */
  async retire(): Promise<void> {
    this.#retired = true
    if (this.consumer.held === 0) await this.close()
  }

  /** Says goodbye and gives everything back. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.link.close()
    this.#resources[Symbol.dispose]()
  }
}

async function joinQueue(
  link: Link,
  options: ConsumerOptions & WaitOptions,
  joining: { rung: () => void; resources: Resources },
): Promise<ConnectionParts> {
  const { mode = 'fifo', maxHeld = 1 } = options
  const { resources, rung } = joining
  const page = resources.own(createMemfd('consumer', CONSUMER_PAGE_BYTES))
  const own = resources.own(new Mapping(page, CONSUMER_PAGE_BYTES, MapMode.shared)).words()
  initConsumerPage(own)
  sealForReaders(page)
  const bell = resources.own(new Doorbell())
  await postJoin(link, encodeJoin({ mode, maxHeld }), [page, bell.set])
  page.close()
  bell.set.close()
  const { signal } = options
  const timeoutMs = Math.min(options.timeoutMs ?? JOIN_TIMEOUT_MS, JOIN_TIMEOUT_MS)
  const received = await link.next(MessageType.queueWelcome, { signal, timeoutMs })
  if (received === undefined)
    throw new DmaBufError('EPIPE', 'connectFrames', 'The server closed the link')
  const { welcome, queue, buffers } = openWelcome(received, link, { options, resources, rung })
  const consumer: QueueConsumer = new QueueConsumer({
    queue: queue.words(),
    own,
    mode,
    maxHeld,
    bufferCount: welcome.bufferCount,
    bufferLengthBytes: welcome.lengthBytes,
    firstTicket: welcome.firstTicket,
    claimDropped: () => {
      if (consumer.producerBell.take()) bell.ring()
    },
    checkEviction: () => {
      link.pump()
      if (link.end !== undefined && !link.end.clean) throw link.end.error
    },
  })
  return { link, consumer, buffers, bell, resources }
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
  to: { options: ConsumerOptions; resources: Resources; rung: () => void },
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
  const access = options.access ?? 'read'
  const buffers = memories.map((fd) =>
    resources.own(importFd(fd, { lengthBytes, access, exporterName: 'frame' })),
  )
  return { welcome, queue, buffers }
}
