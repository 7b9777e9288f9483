import { DmaBufError } from '../core/errors.js'
import { BellWatch, BellWish } from './bell-word.js'
import { readFacts, readFormat, readFormatSerial, type NumberedFacts } from './frame-descriptor.js'
import type { LaidOutFormat } from '../core/frame/format.js'
import * as page from './queue-page.js'
import { CounterReader, storeCounter } from './shared-counter.js'
import type { Words } from './words.js'

/** How a consumer takes frames: every one in order, or always the newest. */
export type QueueMode = 'fifo' | 'latest'

/** A frame that a consumer has claimed. */
export interface ClaimedFrame {
  readonly bufferIndex: number
  readonly facts: NumberedFacts
  readonly format: LaidOutFormat | undefined
  /** Frames published since the one taken before this, and not taken. */
  readonly missed: number
}

/** What a consumer knows of its queue. */
export interface QueueConsumerOptions {
  /** The producer's page, read only. */
  readonly queue: Words
  /** This consumer's own page. */
  readonly own: Words
  readonly mode: QueueMode
  readonly maxHeld: number
  readonly bufferCount: number
  readonly bufferLengthBytes: number
  /** The first ticket that is this consumer's. */
  readonly firstTicket: number
  /** Somebody was told to leave: read the link, and throw if it is us. */
  readonly checkEviction: () => void
  /** acquire() gave a buffer back that it had claimed in vain: ring the producer if it wants that. */
  readonly claimDropped?: () => void
}

/**
 * A consumer's half of the protocol: no waiting, no system calls, only words.
 *
 * A buffer is claimed by setting its bit, then looking again whether the producer still offers it; the
 * producer offers first, then looks for claims. One of the two sees the other, so a claimed buffer is never
 * refilled. Every word has one writer: there is nothing to compare and swap.
 */
export class QueueConsumer {
  /** Ask to be rung at the next frame. Try to acquire once more after asking. */
  readonly bell: BellWish
  /** Whether the producer wants to be rung, after a release. */
  readonly producerBell: BellWatch
  readonly #options: QueueConsumerOptions
  readonly #published: CounterReader
  readonly #claims = [0, 0]
  readonly #formats: ({ serial: number; format: LaidOutFormat | undefined } | undefined)[] = []
  #cursor: number
  #held = 0
  /** Evictions that were not ours. From 0: one that came before our first look may be. */
  #evictions = 0
  #checking = false

  /** @throws {DmaBufError} EPROTO where the producer's page is none */
  constructor(options: QueueConsumerOptions) {
    const { queue, own, bufferCount, firstTicket } = options
    checkQueuePage(queue, bufferCount)
    this.#options = options
    this.#published = new CounterReader(queue, page.QUEUE_PUBLISHED)
    this.#cursor = firstTicket
    this.bell = new BellWish(own, page.CONSUMER_BELL)
    this.producerBell = new BellWatch(queue, page.QUEUE_BELL)
    storeCounter(own, page.CONSUMER_CURSOR, firstTicket)
  }

  /** Frames held now. */
  get held(): number {
    return this.#held
  }

  /** Whether a frame waits to be taken. */
  get hasFrame(): boolean {
    return this.#published.load() >= this.#cursor
  }

  /**
   * Claims the next frame, or the newest one.
   *
   * @returns undefined where there is none, or `maxHeld` frames are held
   * @throws {DmaBufError} EPROTO where the producer's page makes no sense
   */
  acquire(): ClaimedFrame | undefined {
    // Looking at the link may call somebody who calls us: the frame is the outer call's.
    if (this.#held >= this.#options.maxHeld || this.#checking) return undefined
    const published = this.#published.load()
    if (published < this.#cursor) return undefined
    return this.#options.mode === 'fifo' ? this.#take(this.#cursor) : this.#takeNewest(published)
  }

  /** As acquire(); where there is none it asks to be rung at the next frame, and looks once more. */
  acquireOrAsk(): ClaimedFrame | undefined {
    const frame = this.acquire()
    if (frame !== undefined) return frame
    this.bell.ask()
    // One that was published before it could see the wish rings nobody.
    return this.acquire()
  }

  /** Gives a claimed buffer back. */
  release(bufferIndex: number): void {
    this.#setClaim(bufferIndex, false)
    this.#held--
  }

  // Not read yet, so the producer keeps it for us, unless we were told to leave: it says so before it
  // looks for claims, we look after claiming.
  #take(ticket: number): ClaimedFrame {
    const bufferIndex = this.#bufferOf(ticket)
    this.#setClaim(bufferIndex, true)
    const evictions = this.#options.queue.load(page.QUEUE_EVICTIONS)
    if (evictions !== this.#evictions) this.#checkEviction(bufferIndex, evictions)
    return this.#claimed(ticket, bufferIndex)
  }

  #checkEviction(bufferIndex: number, evictions: number): void {
    this.#checking = true
    try {
      this.#options.checkEviction()
      this.#evictions = evictions
    } catch (error) {
      this.#setClaim(bufferIndex, false)
      throw error
    } finally {
      this.#checking = false
    }
  }

  #takeNewest(published: number): ClaimedFrame {
    let ticket = published
    // Each turn needs a frame published in between; a producer that does nothing else is no producer.
    for (let turn = 0; turn < 1000; turn++) {
      const bufferIndex = this.#bufferOf(ticket)
      this.#setClaim(bufferIndex, true)
      const newest = this.#published.load()
      if (newest === ticket) return this.#claimed(ticket, bufferIndex)
      this.#setClaim(bufferIndex, false)
      // A producer that looked meanwhile took the buffer for held, and may be asleep.
      this.#options.claimDropped?.()
      ticket = newest
    }
    throw new DmaBufError('EPROTO', 'receive', 'The producer publishes without end')
  }

  #claimed(ticket: number, bufferIndex: number): ClaimedFrame {
    try {
      const { queue, own, bufferLengthBytes } = this.#options
      const base = page.descriptorAt(bufferIndex)
      const facts = readFacts(queue, base, bufferLengthBytes)
      if (facts.ticket !== ticket)
        throw new DmaBufError(
          'EPROTO',
          'receive',
          `Frame ${ticket} describes itself as ${facts.ticket}`,
        )
      const format = this.#formatOf(bufferIndex, base)
      const missed = ticket - this.#cursor
      this.#cursor = ticket + 1
      storeCounter(own, page.CONSUMER_CURSOR, this.#cursor)
      this.#held++
      return { bufferIndex, facts, format, missed }
    } catch (error) {
      this.#setClaim(bufferIndex, false)
      throw error
    }
  }

  #formatOf(bufferIndex: number, base: number): LaidOutFormat | undefined {
    const { queue, bufferLengthBytes } = this.#options
    const serial = readFormatSerial(queue, base)
    const known = this.#formats[bufferIndex]
    if (known?.serial === serial) return known.format
    const format = readFormat(queue, base, bufferLengthBytes)
    this.#formats[bufferIndex] = { serial, format }
    return format
  }

  #bufferOf(ticket: number): number {
    const { queue, bufferCount } = this.#options
    const bufferIndex = queue.read(page.QUEUE_RING + (ticket % page.RING_SIZE))
    if (bufferIndex < 0 || bufferIndex >= bufferCount)
      throw new DmaBufError(
        'EPROTO',
        'receive',
        `The producer named buffer ${bufferIndex} of ${bufferCount}`,
      )
    return bufferIndex
  }

  #setClaim(bufferIndex: number, claimed: boolean): void {
    const word = bufferIndex >> 5
    const bit = 1 << (bufferIndex & 31)
    const value = claimed ? this.#claims[word]! | bit : this.#claims[word]! & ~bit
    this.#claims[word] = value
    this.#options.own.store(page.CONSUMER_CLAIMS + word, value)
  }
}

function checkQueuePage(queue: Words, bufferCount: number): void {
  const right =
    queue.length * 4 >= page.queuePageBytes(bufferCount) &&
    queue.load(0) === page.QUEUE_MAGIC &&
    queue.load(1) === page.QUEUE_VERSION &&
    queue.load(page.QUEUE_BUFFER_COUNT) === bufferCount
  if (!right)
    throw new DmaBufError('EPROTO', 'connectFrames', 'The server sent a page that is no queue')
}

/** Makes a fresh page a consumer's; before it is shown to the producer. */
export function initConsumerPage(own: Words): void {
  own.store(1, page.QUEUE_VERSION)
  own.store(0, page.CONSUMER_MAGIC)
}
