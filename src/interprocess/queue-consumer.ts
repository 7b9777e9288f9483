import { DmaBufError } from '../core/errors.js'
import type { LaidOutFormat } from '../core/frame/format.js'
import { BellWatch, BellWish } from './bell-word.js'
import {
  FENCE_PENDING,
  loadFenceStatus,
  readBufferSerial,
  readFacts,
  readFormat,
  readFormatSerial,
  readTicket,
  type NumberedFacts,
} from './frame-descriptor.js'
import * as page from './queue-page.js'
import { CounterReader } from './shared-counter.js'
import { storeNumber } from './two-words.js'
import type { Words } from './words.js'

/** How a consumer takes frames: every one in order, or always the newest. */
export type QueueMode = 'fifo' | 'latest'

/** What a consumer does about frames that are not finished: wait until they are, or take their fence. */
export type FenceMode = 'wait' | 'pass'

/** A frame that a consumer has claimed. */
export interface ClaimedFrame {
  readonly bufferIndex: number
  readonly facts: NumberedFacts
  readonly format: LaidOutFormat | undefined
  /** Frames published since the one taken before this, and not taken. */
  readonly missed: number
  /** Of its acquire fence: 0 signalled, 1 pending (only in fence mode 'pass'), -errno failed. */
  readonly fenceStatus: number
}

/** What a consumer knows of its queue. */
export interface QueueConsumerOptions {
  /** The producer's page, read only. */
  readonly queue: Words
  /** This consumer's own page. */
  readonly own: Words
  readonly mode: QueueMode
  /** 'wait' where absent. */
  readonly fences?: FenceMode
  readonly maxHeld: number
  readonly slotCount: number
  /** Which bit of the producer's page tells this consumer to leave. */
  readonly consumerIndex: number
  /** The first ticket that is this consumer's. */
  readonly firstTicket: number
  /** Bytes of a slot's buffer of that serial; undefined where it is not here yet. It may read the link. */
  readonly bufferLength: (slot: number, serial: number) => number | undefined
  /** Told to leave: why. It may read the link. */
  readonly toldToLeave: () => unknown
  /** acquire() gave a buffer back that it had claimed in vain: ring the producer if it wants that. */
  readonly claimDropped?: () => void
}

interface KnownFormat {
  readonly serial: number
  readonly bufferSerial: number
  readonly format: LaidOutFormat | undefined
}

/**
 * A consumer's half of the protocol: no waiting, no system calls, only words.
 *
 * A buffer is claimed by setting its bit, then looking again whether the producer still offers it; the
 * producer offers first, then looks for claims. One of the two sees the other, so a claimed buffer is never
 * refilled. Every word has one writer: there is nothing to compare and swap.
 */
export class QueueConsumer {
  /** Ask to be rung at the next frame, or fence. Try to acquire once more after asking. */
  readonly bell: BellWish
  /** Whether the producer wants to be rung, after a release. */
  readonly producerBell: BellWatch
  /** Which run of the producer this is: a later one has a larger number. */
  readonly epoch: number
  readonly #options: QueueConsumerOptions
  readonly #published: CounterReader
  readonly #newest: CounterReader
  readonly #waits: boolean
  readonly #claims = [0, 0]
  readonly #releasing = [0, 0]
  readonly #formats: (KnownFormat | undefined)[] = []
  #cursor: number
  #held = 0
  #acquiring = false
  /** What pending fences are worth: they stay pending while the producer lives. */
  #pendingStatus: number = FENCE_PENDING

  /** @throws {DmaBufError} EPROTO where the producer's page is none */
  constructor(options: QueueConsumerOptions) {
    const { queue, own, slotCount, firstTicket } = options
    checkQueuePage(queue, slotCount)
    this.#options = options
    this.#waits = options.fences !== 'pass'
    this.#published = new CounterReader(queue, page.QUEUE_PUBLISHED)
    this.#newest = this.#waits ? new CounterReader(queue, page.QUEUE_READY) : this.#published
    this.#cursor = firstTicket
    this.bell = new BellWish(own, page.CONSUMER_BELL)
    this.producerBell = new BellWatch(queue, page.QUEUE_BELL)
    this.epoch = new CounterReader(queue, page.QUEUE_EPOCH).load()
    storeNumber(own, page.CONSUMER_CURSOR, firstTicket)
  }

  /** Frames held now, without those that are given back but still in use. */
  get held(): number {
    return this.#held
  }

  /** Whether no more frames can be held. */
  get isFull(): boolean {
    return this.#held >= this.#options.maxHeld
  }

  /** Whether a frame waits to be taken. */
  get hasFrame(): boolean {
    const ticket = this.#publishedTicket()
    if (ticket === 0 || !this.#waits || this.#options.mode === 'latest') return ticket > 0
    const slot = this.#slotAt(ticket)
    return !this.#isSlot(slot) || this.fenceStatus(slot) !== FENCE_PENDING
  }

  /**
   * Claims the next frame, or the newest one.
   *
   * @returns undefined where there is none, `maxHeld` frames are held, or its buffer has not arrived
   * @throws {DmaBufError} EPROTO where the producer's page makes no sense
   */
  acquire(): ClaimedFrame | undefined {
    // Looking at the link may call somebody who calls us: the frame is the outer call's.
    if (this.isFull || this.#acquiring) return undefined
    const ticket = this.#publishedTicket()
    if (ticket === 0) return undefined
    this.#acquiring = true
    try {
      return this.#options.mode === 'fifo' ? this.#take(ticket) : this.#takeNewest(ticket)
    } finally {
      this.#acquiring = false
    }
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

  /** Gives it back, but not to be refilled before releaseDone(): something still uses it. */
  releaseLater(bufferIndex: number): void {
    // In this order: the producer reads the claims first, so it sees one of the two.
    this.#setReleasing(bufferIndex, true)
    this.release(bufferIndex)
  }

  /** Nothing uses it any more. */
  releaseDone(bufferIndex: number): void {
    this.#setReleasing(bufferIndex, false)
  }

  /** What has become of the acquire fence of a buffer that is claimed or not done: 0, 1 pending, -errno. */
  fenceStatus(bufferIndex: number): number {
    const status = loadFenceStatus(this.#options.queue, page.descriptorAt(bufferIndex))
    return status === FENCE_PENDING ? this.#pendingStatus : status
  }

  /** Nobody will signal fences any more: those that are pending have failed with this errno. */
  producerGone(errno: number): void {
    this.#pendingStatus = -errno
  }

  /** The ticket to take next, as far as the counters say; 0 where there is none. */
  #publishedTicket(): number {
    if (this.#options.mode === 'fifo')
      return this.#published.load() < this.#cursor ? 0 : this.#cursor
    const newest = this.#newest.load()
    return newest >= this.#cursor ? newest : 0
  }

  // Not read yet, so the producer keeps it for us, unless we were told to leave: its fence can be looked at before
  // it is claimed.
  #take(ticket: number): ClaimedFrame | undefined {
    const slot = this.#slotOf(ticket)
    const fenceStatus = this.#waits ? this.fenceStatus(slot) : undefined
    if (fenceStatus === FENCE_PENDING) return undefined
    this.#setClaim(slot, true)
    return this.#claimed(ticket, slot, fenceStatus)
  }

  #takeNewest(newest: number): ClaimedFrame | undefined {
    let ticket = newest
    // Each turn needs a frame published in between; a producer that does nothing else is no producer.
    for (let turn = 0; turn < 1000; turn++) {
      const slot = this.#slotOf(ticket)
      this.#setClaim(slot, true)
      const now = this.#newest.load()
      if (now === ticket) return this.#claimed(ticket, slot)
      this.#dropClaim(slot)
      ticket = now
    }
    throw new DmaBufError('EPROTO', 'receive', 'The producer publishes without end')
  }

  // Whoever is told to leave is told before the producer looks for its claims; we look after claiming.
  #claimed(ticket: number, slot: number, settled?: number): ClaimedFrame | undefined {
    try {
      const { queue, own } = this.#options
      const base = page.descriptorAt(slot)
      if (this.#isEvicted()) throw this.#options.toldToLeave()
      const bufferSerial = readBufferSerial(queue, base)
      const capacity = this.#options.bufferLength(slot, bufferSerial)
      if (capacity === undefined) {
        checkTicket(ticket, readTicket(queue, base))
        this.#leaveForLater(slot, bufferSerial)
        return undefined
      }
      const format = this.#formatOf(slot, bufferSerial, capacity)
      const facts = readFacts(queue, base, capacity, format)
      checkTicket(ticket, facts.ticket)
      // Not before the link was read: a producer that has died fails what is pending.
      const fenceStatus = settled ?? this.fenceStatus(slot)
      if (this.#waits && fenceStatus === FENCE_PENDING)
        throw new DmaBufError('EPROTO', 'receive', `Frame ${ticket} was ready, and is not any more`)
      const missed = ticket - this.#cursor
      this.#cursor = ticket + 1
      storeNumber(own, page.CONSUMER_CURSOR, this.#cursor)
      this.#held++
      return { bufferIndex: slot, facts, format, missed, fenceStatus }
    } catch (error) {
      this.#setClaim(slot, false)
      throw error
    }
  }

  // Its buffer has not arrived.
  #leaveForLater(slot: number, serial: number): void {
    if (serial === 0)
      throw new DmaBufError('EPROTO', 'receive', `The producer named no buffer of slot ${slot}`)
    if (this.#pendingStatus !== FENCE_PENDING)
      throw new DmaBufError('EPIPE', 'receive', 'The producer left before it sent a buffer')
    this.#dropClaim(slot)
  }

  #isEvicted(): boolean {
    const { queue, consumerIndex } = this.#options
    return (
      ((queue.load(page.QUEUE_EVICTED + (consumerIndex >> 5)) >> (consumerIndex & 31)) & 1) === 1
    )
  }

  #formatOf(slot: number, bufferSerial: number, capacity: number): LaidOutFormat | undefined {
    const { queue } = this.#options
    const base = page.descriptorAt(slot)
    const serial = readFormatSerial(queue, base)
    const known = this.#formats[slot]
    if (known?.serial === serial && known.bufferSerial === bufferSerial) return known.format
    const format = readFormat(queue, base, capacity)
    this.#formats[slot] = { serial, bufferSerial, format }
    return format
  }

  #slotAt(ticket: number): number {
    return this.#options.queue.read(page.ringAt(ticket))
  }

  #slotOf(ticket: number): number {
    const slot = this.#slotAt(ticket)
    if (this.#isSlot(slot)) return slot
    throw new DmaBufError(
      'EPROTO',
      'receive',
      `The producer named buffer ${slot} of ${this.#options.slotCount}`,
    )
  }

  #isSlot(slot: number): boolean {
    return slot >= 0 && slot < this.#options.slotCount
  }

  // A producer that looked meanwhile took the buffer for held, and may be asleep.
  #dropClaim(slot: number): void {
    this.#setClaim(slot, false)
    this.#options.claimDropped?.()
  }

  #setClaim(slot: number, on: boolean): void {
    this.#setBit(this.#claims, page.CONSUMER_CLAIMS, slot, on)
  }

  #setReleasing(slot: number, on: boolean): void {
    this.#setBit(this.#releasing, page.CONSUMER_RELEASING, slot, on)
  }

  #setBit(bits: number[], base: number, slot: number, on: boolean): void {
    const word = slot >> 5
    const bit = 1 << (slot & 31)
    const value = on ? bits[word]! | bit : bits[word]! & ~bit
    bits[word] = value
    this.#options.own.store(base + word, value)
  }
}

function checkTicket(ticket: number, described: number): void {
  if (described !== ticket)
    throw new DmaBufError('EPROTO', 'receive', `Frame ${ticket} describes itself as ${described}`)
}

function checkQueuePage(queue: Words, slotCount: number): void {
  const right =
    queue.length * 4 >= page.queuePageBytes(slotCount) &&
    queue.load(0) === page.QUEUE_MAGIC &&
    queue.load(1) === page.QUEUE_VERSION &&
    queue.load(page.QUEUE_SLOT_COUNT) === slotCount
  if (!right)
    throw new DmaBufError('EPROTO', 'connectFrames', 'The server sent a page that is no queue')
}

/** Makes a fresh page a consumer's; before it is shown to the producer. */
export function initConsumerPage(own: Words): void {
  own.store(1, page.QUEUE_VERSION)
  own.store(0, page.CONSUMER_MAGIC)
}
