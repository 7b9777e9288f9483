import type { LaidOutFormat } from '../core/frame/format.js'
import { BellWish } from './bell-word.js'
import type { ConsumerView } from './consumer-view.js'
import {
  FENCE_PENDING,
  FENCE_READY,
  storeFenceStatus,
  writeBufferSerial,
  writeFacts,
  writeFormat,
  type FrameFacts,
} from './frame-descriptor.js'
import type { QueueMode } from './queue-consumer.js'
import * as page from './queue-page.js'
import { storeNumber } from './two-words.js'
import type { Words } from './words.js'

/** Why a buffer is not free: what a consumer holds, still uses, and has not read. */
export interface Blocker {
  readonly consumer: ConsumerView
  readonly held: number
  /** Given back, but not to be refilled before a fence signals. */
  readonly releasing: number
  readonly unread: number
}

/** What the producer knows of one slot. */
interface Slot {
  /** Counts its buffers; 0 before the first. */
  serial: number
  hasBuffer: boolean
  filling: boolean
  /** Of the frame in it; 0: none. */
  ticket: number
  formatSerial: number
  fenceStatus: number
}

/**
 * The producer's half of the protocol: no waiting, no system calls, only words.
 *
 * A slot is free unless it has no buffer, is being filled, is the newest or the newest that is ready, waits
 * for its own fence, is claimed or still used by somebody, or is unread by a consumer that wants every frame.
 */
export class QueueProducer {
  /** Ask to be rung when a buffer is given back. Look for a free one once more after asking. */
  readonly bell: BellWish
  readonly consumers = new Set<ConsumerView>()
  readonly slotCount: number
  readonly #words: Words
  readonly #slots: Slot[] = []
  readonly #evicted = new Int32Array(page.MAX_CONSUMERS / 32)
  #bufferCount = 0
  /** Somebody may have been told to leave who is still there. */
  #mayPark = false
  #published = 0
  #newest = -1
  #ready = 0
  #newestReady = -1
  #last = 0

  /** @param epoch - tells this run from those before it: larger than theirs */
  constructor(words: Words, slotCount: number, epoch = 1) {
    this.#words = words
    this.slotCount = slotCount
    for (let slot = 0; slot < slotCount; slot++)
      this.#slots.push({
        serial: 0,
        hasBuffer: false,
        filling: false,
        ticket: 0,
        formatSerial: -1,
        fenceStatus: FENCE_READY,
      })
    this.bell = new BellWish(words, page.QUEUE_BELL)
    storeNumber(words, page.QUEUE_EPOCH, epoch)
    words.store(page.QUEUE_SLOT_COUNT, slotCount)
    words.store(1, page.QUEUE_VERSION)
    words.store(0, page.QUEUE_MAGIC)
  }

  /** Frames published so far; the ticket of the newest. */
  get published(): number {
    return this.#published
  }

  /** Slots that have a buffer. */
  get bufferCount(): number {
    return this.#bufferCount
  }

  /** Buffers that consumers keep though they were told to leave. */
  get parkedCount(): number {
    if (!this.#mayPark) return 0
    let parked = 0
    this.#mayPark = false
    for (const consumer of this.consumers) {
      parked += consumer.parked
      if (consumer.evicted) this.#mayPark = true
    }
    return parked
  }

  /** The ticket of the first frame a consumer that joins now gets: for 'latest' the newest that is ready. */
  firstTicket(mode: QueueMode): number {
    return mode === 'latest' ? this.#ready || this.#published || 1 : this.#published + 1
  }

  /** Buffers that consumers may hold, by their caps, and two more: one being filled, one newest. */
  get buffersNeeded(): number {
    let sum = 2
    for (const consumer of this.consumers) if (!consumer.evicted) sum += consumer.maxHeld
    return sum
  }

  /** A slot without a buffer; undefined where all have one. */
  emptySlot(): number | undefined {
    const slot = this.#slots.findIndex(({ hasBuffer }) => !hasBuffer)
    return slot < 0 ? undefined : slot
  }

  /** Gives a slot that is empty, or taken, another buffer; its serial, which consumers are to be told. */
  equip(slot: number): number {
    const state = this.#slots[slot]!
    if (!state.hasBuffer) this.#bufferCount++
    state.hasBuffer = true
    state.serial = (state.serial + 1) >>> 0 || 1
    state.ticket = 0
    return state.serial
  }

  /** Takes the buffer away from a slot that was taken. */
  strip(slot: number): void {
    const state = this.#slots[slot]!
    if (state.hasBuffer) this.#bufferCount--
    state.hasBuffer = false
    state.filling = false
    state.ticket = 0
  }

  /** Takes a free slot to fill, the one unused for longest; undefined where there is none. */
  take(): number | undefined {
    // Cursors before claims: a consumer claims first and moves its cursor then, so one of the two shows.
    const unreadFrom = this.#unreadFrom()
    const low = this.#busy(0)
    const high = this.slotCount > 32 ? this.#busy(1) : 0
    for (let step = 1; step <= this.slotCount; step++) {
      const slot = (this.#last + step) % this.slotCount
      const { hasBuffer, filling, fenceStatus, ticket } = this.#slots[slot]!
      if (!hasBuffer || filling || fenceStatus === FENCE_PENDING) continue
      if (slot === this.#newest || slot === this.#newestReady) continue
      if ((((slot < 32 ? low : high) >> (slot & 31)) & 1) !== 0) continue
      if (ticket >= unreadFrom) continue
      this.#last = slot
      this.#slots[slot]!.filling = true
      return slot
    }
    return undefined
  }

  /** As take(); where there is none it asks to be rung at the next release, and looks once more. */
  takeOrAsk(): number | undefined {
    const slot = this.take()
    if (slot !== undefined) return slot
    this.bell.ask()
    // One that was given back before its consumer could see the wish rings nobody.
    return this.take()
  }

  /** Gives a taken slot back unseen. */
  cancel(slot: number): void {
    this.#slots[slot]!.filling = false
    this.#slots[slot]!.ticket = 0
  }

  /**
   * Publishes a filled slot. Ring the consumers whose bell says so afterwards.
   *
   * @param fenceStatus - of its acquire fence: FENCE_READY, FENCE_PENDING or -errno
   */
  publish(
    slot: number,
    facts: FrameFacts,
    format: { serial: number; layout: LaidOutFormat | undefined },
    fenceStatus: number = FENCE_READY,
  ): number {
    const ticket = this.#published + 1
    const base = page.descriptorAt(slot)
    const state = this.#slots[slot]!
    if (state.formatSerial !== format.serial) {
      writeFormat(this.#words, base, format.layout, format.serial)
      state.formatSerial = format.serial
    }
    writeFacts(this.#words, base, ticket, facts)
    writeBufferSerial(this.#words, base, state.serial)
    if (state.fenceStatus !== fenceStatus) storeFenceStatus(this.#words, base, fenceStatus)
    this.#words.write(page.ringAt(ticket), slot)
    state.filling = false
    state.ticket = ticket
    state.fenceStatus = fenceStatus
    this.#newest = slot
    this.#published = ticket
    storeNumber(this.#words, page.QUEUE_PUBLISHED, ticket)
    if (fenceStatus !== FENCE_PENDING) this.#becomeReady(slot)
    return ticket
  }

  /** The acquire fence of a published frame has signalled: FENCE_READY, or -errno. Ring afterwards. */
  settle(slot: number, fenceStatus: number): void {
    const state = this.#slots[slot]!
    state.fenceStatus = fenceStatus
    storeFenceStatus(this.#words, page.descriptorAt(slot), fenceStatus)
    this.#becomeReady(slot)
  }

  /** How many published frames wait for their own fence. */
  get pendingCount(): number {
    let count = 0
    for (const { fenceStatus } of this.#slots) if (fenceStatus === FENCE_PENDING) count++
    return count
  }

  /** Adds a consumer: it is not told to leave, whoever had its index before. */
  admit(consumer: ConsumerView): void {
    this.#tellToLeave(consumer.index, false)
    this.consumers.add(consumer)
  }

  /**
   * Keeps nothing more for a consumer but what it has now: say goodbye to it before. That stays its own until
   * it gives it back or is gone, so it never sees a buffer refilled.
   */
  evict(consumer: ConsumerView): void {
    this.#tellToLeave(consumer.index, true)
    consumer.evict()
    this.#mayPark = true
  }

  /** Which consumers keep buffers now, the one with most first. */
  blockers(): Blocker[] {
    const blockers: Blocker[] = []
    for (const consumer of this.consumers) {
      const unread = Math.max(0, this.#published + 1 - consumer.keptFrom())
      const { held, releasingCount: releasing } = consumer
      if (held + releasing + unread > 0) blockers.push({ consumer, held, releasing, unread })
    }
    return blockers.sort((a, b) => weightOf(b) - weightOf(a))
  }

  /** A consumer that broke the protocol, with what it did: more claims than its cap, or reads the future. */
  offender(): { consumer: ConsumerView; reason: string } | undefined {
    for (const consumer of this.consumers) {
      const { held, maxHeld, evicted } = consumer
      if (held > maxHeld && !evicted)
        return { consumer, reason: `claims ${held} buffers, its cap is ${maxHeld}` }
      if (consumer.cursor() > this.#published + 1)
        return { consumer, reason: 'has read frames that were never published' }
    }
    return undefined
  }

  #becomeReady(slot: number): void {
    const { ticket } = this.#slots[slot]!
    if (ticket <= this.#ready) return
    this.#ready = ticket
    this.#newestReady = slot
    storeNumber(this.#words, page.QUEUE_READY, ticket)
  }

  #tellToLeave(index: number, on: boolean): void {
    const word = index >> 5
    const bit = 1 << (index & 31)
    const value = on ? this.#evicted[word]! | bit : this.#evicted[word]! & ~bit
    this.#evicted[word] = value
    this.#words.store(page.QUEUE_EVICTED + word, value)
  }

  #busy(word: number): number {
    let busy = 0
    for (const consumer of this.consumers) busy |= consumer.busy(word)
    return busy
  }

  #unreadFrom(): number {
    let least = Number.POSITIVE_INFINITY
    for (const consumer of this.consumers) least = Math.min(least, consumer.keptFrom())
    return least
  }
}

function weightOf({ held, releasing, unread }: Blocker): number {
  return held + releasing + unread
}
