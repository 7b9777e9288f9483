import { DmaBufError } from '../core/errors.js'
import { CONSUMER_PAGE_BYTES } from '../interprocess/queue-page.js'
import { ConsumerView, type QueueProducer } from '../interprocess/queue-producer.js'
import { encodeWelcome, type JoinMessage } from '../interprocess/queue-message.js'
import { MessageType } from '../interprocess/link-message.js'
import { Doorbell, DoorbellListener } from './doorbell.js'
import type { Link, Received } from './link.js'
import { MapMode, Mapping } from './mapping.js'
import { checkReceivedMemory } from './memfd.js'
import type { OwnedFd } from './owned-fd.js'

/** What a queue gives to a consumer that joins. */
export interface Welcome {
  readonly lengthBytes: number
  /** The queue's page, then the buffers in order; borrowed. */
  readonly page: OwnedFd
  readonly buffers: readonly OwnedFd[]
}

/** One consumer as the producer sees it: a link, a page to read, a bell to ring. */
export class Consumer implements Disposable {
  readonly id: number
  /** What it claims and has read. @internal */
  readonly view: ConsumerView
  readonly #link: Link
  readonly #mapping: Mapping
  readonly #bell: Doorbell
  readonly #listener: DoorbellListener
  readonly #published: () => number

  /**
   * @param joined - its join message; the descriptors move
   * @throws {DmaBufError} EPROTO where what it sent cannot be used
   */
  constructor(
    id: number,
    link: Link,
    joined: { message: Received; join: JoinMessage; producer: QueueProducer; rung: () => void },
  ) {
    const { message, join, producer, rung } = joined
    const [page, set] = message.fds
    let mapping: Mapping | undefined
    let bell: Doorbell | undefined
    try {
      if (page === undefined || set === undefined)
        throw new DmaBufError('EPROTO', 'join', 'A viewer must send its page and its doorbell')
      checkReceivedMemory(page, CONSUMER_PAGE_BYTES, 'a consumer page')
      mapping = new Mapping(page, CONSUMER_PAGE_BYTES, MapMode.readOnly)
      const first = producer.firstTicket(join.mode)
      this.view = new ConsumerView(mapping.words(), join.mode, join.maxHeld, first)
      bell = new Doorbell()
      this.#listener = new DoorbellListener(set, rung, (error) => link.breakOff(error))
    } catch (error) {
      bell?.close()
      mapping?.close()
      set?.close()
      throw error
    } finally {
      for (const fd of message.fds) if (fd !== set) fd.close()
    }
    this.#mapping = mapping
    this.#bell = bell
    this.#link = link
    this.#published = () => producer.published
    this.id = id
  }

  /** The consumer's process. */
  get pid(): number {
    return this.#link.peer.pid
  }

  get mode(): 'fifo' | 'latest' {
    return this.view.mode
  }

  /** Frames it may hold at once. */
  get maxHeld(): number {
    return this.view.maxHeld
  }

  /** Frames it holds now. */
  get held(): number {
    return this.view.held
  }

  /** Frames published that it has not taken. */
  get lagFrames(): number {
    return Math.max(0, this.#published() + 1 - this.view.cursor())
  }

  /** Whether it was told to leave and has not gone yet. */
  get evicted(): boolean {
    return this.view.evicted
  }

  /** Wakes it if it wants that. */
  ring(): void {
    if (this.view.bell.take()) this.#bell.ring()
  }

  /** Sends it the queue. @internal */
  async welcome(welcome: Welcome): Promise<void> {
    const { lengthBytes, page, buffers } = welcome
    const payload = encodeWelcome({
      consumerId: this.id,
      bufferCount: buffers.length,
      lengthBytes,
      firstTicket: this.view.cursor(),
    })
    await this.#link.post(MessageType.queueWelcome, payload, {
      fds: [page, this.#bell.set, ...buffers],
      timeoutMs: 5000,
    })
    this.#bell.set.close()
  }

  /** Tells it to leave. @internal */
  sendGoodbye(error: DmaBufError): void {
    void this.#link.sendGoodbye(error)
  }

  /** Says goodbye and closes everything. @internal */
  async close(): Promise<void> {
    await this.#link.close()
    this[Symbol.dispose]()
  }

  [Symbol.dispose](): void {
    void this.#link.close()
    this.#listener.close()
    this.#bell.close()
    this.#mapping.close()
  }
}
