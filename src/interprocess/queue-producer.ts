import { DmaBufError } from '../core/errors.js'
import type { LaidOutFormat } from '../core/frame/format.js'
import { BellWatch, BellWish } from './bell-word.js'
import { writeFacts, writeFormat, type FrameFacts } from './frame-descriptor.js'
import type { QueueMode } from './queue-consumer.js'
import * as page from './queue-page.js'
import { CounterReader, storeCounter } from './shared-counter.js'
import type { Words } from './words.js'

/** The producer's picture of one consumer, read from that consumer's page and checked. */
export class ConsumerView {
  readonly mode: QueueMode
  readonly maxHeld: number
  /** Told to leave: nothing is kept for it any more but what it still claims. */
  evicted = false
  /** Whether the consumer wants to be rung. */
  readonly bell: BellWatch
  readonly #words: Words
  readonly #cursor: CounterReader

  /** @throws {DmaBufError} EPROTO where the page is none */
  constructor(words: Words, mode: QueueMode, maxHeld: number, firstTicket: number) {
    const right =
      words.length * 4 >= page.CONSUMER_PAGE_BYTES &&
      words.load(0) === page.CONSUMER_MAGIC &&
      words.load(1) === page.QUEUE_VERSION
    if (!right)
      throw new DmaBufError('EPROTO', 'join', 'The viewer sent a page that is no consumer page')
    this.#words = words
    this.mode = mode
    this.maxHeld = maxHeld
    this.bell = new BellWatch(words, page.CONSUMER_BELL)
    this.#cursor = new CounterReader(words, page.CONSUMER_CURSOR, firstTicket)
  }

  /** The next ticket it will take. */
  cursor(): number {
    return this.#cursor.load()
  }

  /** The first ticket that must be kept for it though it has not claimed it. */
  keptFrom(): number {
    return this.mode === 'fifo' && !this.evicted ? this.cursor() : Number.POSITIVE_INFINITY
  }

  /** Bits of the buffers it has claimed, 32 a word. */
  claims(word: number): number {
    return this.#words.load(page.CONSUMER_CLAIMS + word)
  }

  /** How many buffers it has claimed. */
  get held(): number {
    // It may give back a buffer of one word and claim one of the other while we look: what the first
    // word shows before and after was held all the while.
    const before = this.claims(0)
    const high = this.claims(1)
    return bitCount(before & this.claims(0)) + bitCount(high)
  }
}

/** Why a buffer is not free: what each consumer holds, and what it has not read. */
export interface Blocker {
  readonly consumer: ConsumerView
  readonly held: number
  readonly unread: number
}

/**
 * The producer's half of the protocol: no waiting, no system calls, only words.
 *
 * A buffer is free unless it is being filled, is the newest, is claimed by somebody, or is unread by a
 * consumer that wants every frame.
 */
export class QueueProducer {
  /** Ask to be rung when a buffer is given back. Look for a free one once more after asking. */
  readonly bell: BellWish
  readonly consumers = new Set<ConsumerView>()
  readonly bufferCount: number
  readonly #words: Words
  readonly #tickets: number[]
  readonly #formatSerials: number[]
  readonly #filling = new Set<number>()
  #published = 0
  #newest = -1
  #last = 0
  #evictions = 0

  constructor(words: Words, bufferCount: number) {
    this.#words = words
    this.bufferCount = bufferCount
    this.#tickets = new Array<number>(bufferCount).fill(0)
    this.#formatSerials = new Array<number>(bufferCount).fill(-1)
    this.bell = new BellWish(words, page.QUEUE_BELL)
    words.store(page.QUEUE_BUFFER_COUNT, bufferCount)
    words.store(1, page.QUEUE_VERSION)
    words.store(0, page.QUEUE_MAGIC)
  }

  /** Frames published so far; the ticket of the newest. */
  get published(): number {
    return this.#published
  }

  /** The ticket of the first frame a consumer that joins now gets: for 'latest' the newest there is. */
  firstTicket(mode: QueueMode): number {
    return mode === 'latest' && this.#newest >= 0 ? this.#published : this.#published + 1
  }

  /** Buffers that consumers may hold, by their caps, and two more: one being filled, one newest. */
  get buffersNeeded(): number {
    let sum = 2
    for (const consumer of this.consumers) sum += consumer.maxHeld
    return sum
  }

  /** Takes a free buffer to fill, the one unused for longest; undefined where there is none. */
  take(): number | undefined {
    // Cursors before claims: a consumer claims first and moves its cursor then, so one of the two shows.
    const unreadFrom = this.#unreadFrom()
    const low = this.#claimed(0)
    const high = this.bufferCount > 32 ? this.#claimed(1) : 0
    for (let step = 1; step <= this.bufferCount; step++) {
      const index = (this.#last + step) % this.bufferCount
      if (index === this.#newest || this.#filling.has(index)) continue
      if ((((index < 32 ? low : high) >> (index & 31)) & 1) !== 0) continue
      if (this.#tickets[index]! >= unreadFrom) continue
      this.#last = index
      this.#filling.add(index)
      return index
    }
    return undefined
  }

  /** As take(); where there is none it asks to be rung at the next release, and looks once more. */
  takeOrAsk(): number | undefined {
    const index = this.take()
    if (index !== undefined) return index
    this.bell.ask()
    // One that was given back before its consumer could see the wish rings nobody.
    return this.take()
  }

  /** Gives a buffer back unseen. */
  cancel(bufferIndex: number): void {
    this.#filling.delete(bufferIndex)
    this.#tickets[bufferIndex] = 0
  }

  /** Publishes a filled buffer. Ring the consumers whose bell says so afterwards. */
  publish(
    bufferIndex: number,
    facts: FrameFacts,
    format: { serial: number; layout: LaidOutFormat | undefined },
  ): number {
    const ticket = this.#published + 1
    const base = page.descriptorAt(bufferIndex)
    if (this.#formatSerials[bufferIndex] !== format.serial) {
      writeFormat(this.#words, base, format.layout, format.serial)
      this.#formatSerials[bufferIndex] = format.serial
    }
    writeFacts(this.#words, base, ticket, facts)
    this.#words.write(page.QUEUE_RING + (ticket % page.RING_SIZE), bufferIndex)
    this.#filling.delete(bufferIndex)
    this.#tickets[bufferIndex] = ticket
    this.#newest = bufferIndex
    this.#published = ticket
    storeCounter(this.#words, page.QUEUE_PUBLISHED, ticket)
    return ticket
  }

  /**
   * Keeps nothing more for a consumer but what it claims: say goodbye to it before. It counts with its
   * cap until it is really gone, so it never sees a buffer refilled and never costs another one a frame.
   */
  evict(consumer: ConsumerView): void {
    consumer.evicted = true
    this.#evictions = (this.#evictions + 1) | 0
    this.#words.store(page.QUEUE_EVICTIONS, this.#evictions)
  }

  /** Which consumers keep buffers now, the one with most first. */
  blockers(): Blocker[] {
    const blockers: Blocker[] = []
    for (const consumer of this.consumers) {
      const unread = Math.max(0, this.#published + 1 - consumer.keptFrom())
      if (consumer.held + unread > 0) blockers.push({ consumer, held: consumer.held, unread })
    }
    return blockers.sort((a, b) => b.held + b.unread - a.held - a.unread)
  }

  /** A consumer that broke the protocol, with what it did: more claims than its cap, or reads the future. */
  offender(): { consumer: ConsumerView; reason: string } | undefined {
    for (const consumer of this.consumers) {
      const { held, maxHeld } = consumer
      if (held > maxHeld)
        return { consumer, reason: `claims ${held} buffers, its cap is ${maxHeld}` }
      if (consumer.cursor() > this.#published + 1)
        return { consumer, reason: 'has read frames that were never published' }
    }
    return undefined
  }

  #claimed(word: number): number {
    let claims = 0
    for (const consumer of this.consumers) claims |= consumer.claims(word)
    return claims
  }

  #unreadFrom(): number {
    let least = Number.POSITIVE_INFINITY
    for (const consumer of this.consumers) least = Math.min(least, consumer.keptFrom())
    return least
  }
}

function bitCount(word: number): number {
  let count = 0
  for (let rest = word; rest !== 0; rest &= rest - 1) count++
  return count
}
