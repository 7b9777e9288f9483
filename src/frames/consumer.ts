import type { DmaBufError } from '../core/errors.js'
import type { ConsumerView } from '../interprocess/consumer-view.js'
import type { QueueProducer } from '../interprocess/queue-producer.js'
import type { QueueTransport } from './queue-transport.js'
import type { SlotBuffer } from './slot-buffers.js'

/** One consumer as the producer sees it: a connection, and a page to read. */
export class Consumer implements Disposable {
  readonly id: number
  /** What it claims and has read. @internal */
  readonly view: ConsumerView
  readonly #transport: QueueTransport
  readonly #producer: QueueProducer

  /** @internal @param connection - moved: closed with the consumer */
  constructor(
    id: number,
    connection: { readonly view: ConsumerView; readonly transport: QueueTransport },
    producer: QueueProducer,
  ) {
    this.id = id
    this.view = connection.view
    this.#transport = connection.transport
    this.#producer = producer
  }

  /** The consumer's process. */
  get pid(): number {
    return this.#transport.pid
  }

  /** The consumer in words: `pid 42`. */
  get peerName(): string {
    return this.#transport.peerName
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

  /** Frames it has given back with fences that have not signalled: their buffers are still in use. */
  get releasing(): number {
    return this.view.releasingCount
  }

  /** Frames published that it has not taken. */
  get lagFrames(): number {
    return Math.max(0, this.#producer.published + 1 - this.view.cursor())
  }

  /** Whether it was told to leave and has not gone yet. */
  get evicted(): boolean {
    return this.view.evicted
  }

  /** Wakes it if it wants that. */
  ring(): void {
    if (this.view.bell.take()) this.#transport.ring()
  }

  /** Lets it know the buffers of all slots, as soon as it takes messages. @internal */
  offer(slots: readonly SlotBuffer[]): void {
    this.#transport.offer(slots)
  }

  /** Tells it to leave. @internal */
  sendGoodbye(error: DmaBufError): void {
    this.#transport.sendGoodbye(error)
  }

  /** Says goodbye and closes everything. @internal */
  async close(): Promise<void> {
    await this.#transport.close()
  }

  [Symbol.dispose](): void {
    this.#transport[Symbol.dispose]()
  }
}
