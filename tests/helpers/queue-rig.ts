// A queue in one thread: the producer's page and its consumers' over shared memory, no descriptors.
import { DmaBufError } from '#src/core/errors.js'
import type { FrameFacts } from '#src/interprocess/frame-descriptor.js'
import {
  initConsumerPage,
  QueueConsumer,
  type FenceMode,
  type QueueMode,
} from '#src/interprocess/queue-consumer.js'
import { CONSUMER_PAGE_BYTES, queuePageBytes } from '#src/interprocess/queue-page.js'
import { ConsumerView } from '#src/interprocess/consumer-view.js'
import { QueueProducer } from '#src/interprocess/queue-producer.js'
import type { Words } from '#src/interprocess/words.js'
import { wordsOf } from './hooked-words.js'

export const BUFFER_BYTES = 4096

/** Puts hooks between a participant and a page; as it is where absent. */
export type Wrap = (words: Words) => Words

/** A consumer that joined: its own end, the producer's view of it, and its page. */
export interface Joined {
  readonly view: ConsumerView
  readonly own: Words
  /** Makes the consumer's end; once. */
  readonly open: (more?: OpenOptions) => QueueConsumer
}

export interface OpenOptions {
  readonly wrap?: Wrap
  readonly toldToLeave?: () => unknown
  readonly bufferLength?: (slot: number, serial: number) => number | undefined
  readonly fences?: FenceMode
  readonly claimDropped?: () => void
}

/** A producer with its page, to which consumers are joined by hand. */
export class QueueRig {
  readonly page: Words
  readonly producer: QueueProducer
  readonly #wrap: Wrap
  #nextIndex = 0

  /** @param wrap - between the producer and every page it uses */
  constructor(bufferCount: number, wrap: Wrap = (words) => words) {
    this.#wrap = wrap
    this.page = wordsOf(queuePageBytes(bufferCount) / 4)
    this.producer = new QueueProducer(wrap(this.page), bufferCount)
    for (let slot = 0; slot < bufferCount; slot++) this.producer.equip(slot)
  }

  /** Joins a consumer; it opens its end later, as its process would. */
  join(mode: QueueMode, maxHeld = 1): Joined {
    const own = wordsOf(CONSUMER_PAGE_BYTES / 4)
    initConsumerPage(own)
    const firstTicket = this.producer.firstTicket(mode)
    const index = this.#nextIndex++
    const view = new ConsumerView(this.#wrap(own), { index, mode, maxHeld, firstTicket })
    this.producer.admit(view)
    const open = (more: OpenOptions = {}): QueueConsumer => {
      const { wrap = (words: Words) => words, ...callbacks } = more
      return new QueueConsumer({
        queue: wrap(this.page),
        own: wrap(own),
        mode,
        maxHeld,
        slotCount: this.producer.slotCount,
        consumerIndex: index,
        firstTicket,
        bufferLength: () => BUFFER_BYTES,
        toldToLeave: () => new DmaBufError('EPIPE', 'queue', 'Told to leave'),
        ...callbacks,
      })
    }
    return { view, own, open }
  }

  /** Joins and opens. */
  connect(mode: QueueMode, maxHeld = 1): Joined & { readonly consumer: QueueConsumer } {
    const joined = this.join(mode, maxHeld)
    return { ...joined, consumer: joined.open() }
  }

  /** Takes a buffer and publishes it; the frame's ticket, or undefined where no buffer is free. */
  publish(facts: Partial<FrameFacts> = {}): number | undefined {
    const bufferIndex = this.producer.take()
    return bufferIndex === undefined ? undefined : this.publishBuffer(bufferIndex, facts)
  }

  /** Publishes a buffer that was taken. */
  publishBuffer(bufferIndex: number, facts: Partial<FrameFacts> = {}, fenceStatus = 0): number {
    const all = { lengthBytes: 8, timestampNs: 5, damage: [], ...facts }
    return this.producer.publish(bufferIndex, all, { serial: 1, layout: undefined }, fenceStatus)
  }
}
