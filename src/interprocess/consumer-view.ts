import { DmaBufError } from '../core/errors.js'
import { BellWatch } from './bell-word.js'
import type { QueueMode } from './queue-consumer.js'
import * as page from './queue-page.js'
import { CounterReader } from './shared-counter.js'
import type { Words } from './words.js'

/** The producer's picture of one consumer, read from that consumer's page and checked. */
export class ConsumerView {
  readonly mode: QueueMode
  readonly maxHeld: number
  /** Which bit of the producer's page tells it to leave: no other consumer has it. */
  readonly index: number
  /** Whether the consumer wants to be rung. */
  readonly bell: BellWatch
  readonly #words: Words
  readonly #cursor: CounterReader
  /** What it had when it was told to leave, and has not given back. */
  #kept: number[] | undefined

  /** @throws {DmaBufError} EPROTO where the page is none */
  constructor(
    words: Words,
    consumer: {
      readonly index: number
      readonly mode: QueueMode
      readonly maxHeld: number
      readonly firstTicket: number
    },
  ) {
    const right =
      words.length * 4 >= page.CONSUMER_PAGE_BYTES &&
      words.load(0) === page.CONSUMER_MAGIC &&
      words.load(1) === page.QUEUE_VERSION
    if (!right)
      throw new DmaBufError('EPROTO', 'join', 'The viewer sent a page that is no consumer page')
    this.#words = words
    this.index = consumer.index
    this.mode = consumer.mode
    this.maxHeld = consumer.maxHeld
    this.bell = new BellWatch(words, page.CONSUMER_BELL)
    this.#cursor = new CounterReader(words, page.CONSUMER_CURSOR, consumer.firstTicket)
  }

  /** Told to leave: nothing is kept for it any more but what it still has. */
  get evicted(): boolean {
    return this.#kept !== undefined
  }

  /** The next ticket it will take. */
  cursor(): number {
    return this.#cursor.load()
  }

  /** The first ticket that must be kept for it though it has not claimed it. */
  keptFrom(): number {
    return this.mode === 'fifo' && !this.evicted ? this.cursor() : Number.POSITIVE_INFINITY
  }

  /** Bits of the slots it has claimed, 32 a word. */
  claims(word: number): number {
    return this.#words.load(page.CONSUMER_CLAIMS + word)
  }

  /** Bits of the slots it has given back but still uses, 32 a word. */
  releasing(word: number): number {
    return this.#words.load(page.CONSUMER_RELEASING + word)
  }

  /**
   * Bits of the slots that must not be refilled because of it, 32 a word.
   *
   * Once it was told to leave that is what it had then, less what it has given back since: what it claims
   * afterwards it lets go again without a look.
   */
  busy(word: number): number {
    // Claims first: it says that it still uses a buffer before it gives it back.
    const claims = this.claims(word)
    const busy = claims | this.releasing(word)
    if (this.#kept === undefined) return busy
    const kept = this.#kept[word]! & busy
    this.#kept[word] = kept
    return kept
  }

  /** Fixes what is kept for it; after the bit that tells it to leave was stored. */
  evict(): void {
    this.#kept ??= [this.busy(0), this.busy(1)]
  }

  /** How many slots it keeps though it was told to leave. */
  get parked(): number {
    return this.evicted ? bitCount(this.busy(0)) + bitCount(this.busy(1)) : 0
  }

  /** How many slots it has claimed. */
  get held(): number {
    // It may give back a buffer of one word and claim one of the other while we look: what the first
    // word shows before and after was held all the while.
    const before = this.claims(0)
    const high = this.claims(1)
    return bitCount(before & this.claims(0)) + bitCount(high)
  }

  /** How many slots it has given back but still uses. */
  get releasingCount(): number {
    return bitCount(this.releasing(0)) + bitCount(this.releasing(1))
  }
}

function bitCount(word: number): number {
  let count = 0
  for (let rest = word; rest !== 0; rest &= rest - 1) count++
  return count
}
