import type { DmaBuf } from '../core/buffer/buffer.js'
import { QueueConsumer, type QueueMode } from '../interprocess/queue-consumer.js'
import type { WelcomeMessage } from '../interprocess/queue-message.js'
import type { Words } from '../interprocess/words.js'
import { Frame, type FrameOwner } from './frame.js'
import type { QueueTransport, TransportEnd } from './queue-transport.js'

/** What a connection is made of, once the producer has said welcome. @internal */
export interface ConnectionParts {
  readonly transport: QueueTransport
  /** The producer's page, read only. */
  readonly queue: Words
  /** This consumer's own page. */
  readonly own: Words
  /** Borrowed: the transport closes them. */
  readonly buffers: readonly DmaBuf[]
  readonly welcome: WelcomeMessage
  readonly mode: QueueMode
  readonly maxHeld: number
}

/** One connection to one producer: from its welcome to its end. A restarted producer is another one. */
export class QueueConnection implements FrameOwner {
  readonly consumer: QueueConsumer
  /** Called when a frame was given back. */
  released: (() => void) | undefined
  readonly #buffers: readonly DmaBuf[]
  readonly #transport: QueueTransport
  #closed = false
  #retired = false

  /** @throws {DmaBufError} EPROTO where the producer's page is none */
  constructor(parts: ConnectionParts) {
    const { transport, queue, own, mode, maxHeld, welcome } = parts
    this.#transport = transport
    this.#buffers = parts.buffers
    this.consumer = new QueueConsumer({
      queue,
      own,
      mode,
      maxHeld,
      bufferCount: welcome.bufferCount,
      bufferLengthBytes: welcome.lengthBytes,
      firstTicket: welcome.firstTicket,
      claimDropped: () => {
        this.#ringProducer()
      },
      checkEviction: () => {
        transport.pump()
        const { end } = transport
        if (end !== undefined && !end.clean) throw end.error
      },
    })
  }

  /** Calls back once when the producer has closed or died, soon even if it has already. */
  onEnd(callback: (end: TransportEnd) => void): void {
    this.#transport.onEnd(callback)
  }

  /** Whether it keeps the program running, as it does at first. */
  keepAlive(on: boolean): void {
    this.#transport.keepAlive(on)
  }

  /** The next frame, or the newest; undefined where there is none, and `orAsk` rings at the next. */
  acquire(orAsk = false): Frame | undefined {
    const claimed = orAsk ? this.consumer.acquireOrAsk() : this.consumer.acquire()
    if (claimed === undefined) return undefined
    return new Frame(this, claimed, this.#buffers[claimed.bufferIndex]!)
  }

  release(bufferIndex: number): void {
    if (this.#closed) return
    this.consumer.release(bufferIndex)
    this.#ringProducer()
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
    await this.#transport.close()
  }

  #ringProducer(): void {
    if (this.consumer.producerBell.take()) this.#transport.ring()
  }
}
