import { DmaBufError, errnoName, errnoNumber } from '../core/errors.js'
import { BellWatch, BellWish } from './bell-word.js'
import { CounterReader, storeCounter } from './shared-counter.js'
import type { Words } from './words.js'

// A timeline's page, written by its owner only. Words:
//   0 magic   1 version   16 signalled seqno, low   17 high   18 errno the timeline ended with, 0 while it lives
const MAGIC = 0x4c544d44 // 'DMTL'
const VERSION = 1
const SIGNALED = 16
const ENDED = 18

// A watcher's page, written by the watcher only. Words:
//   0 magic   1 version   4 doorbell wanted (rises each time, 0 never)   5 whether a thread sleeps on the timeline
const WATCHER_MAGIC = 0x57544d44 // 'DMTW'
const BELL_WANTED = 4
const SLEEPERS = 5

/** Bytes of either page. */
export const TIMELINE_PAGE_BYTES = 4096

/** Byte offset, in a watcher's page, of the word that says that a thread sleeps; native code writes it. */
export const WATCHER_SLEEPS_OFFSET = SLEEPERS * 4

/** Byte offset of the word that blocking waiters sleep on. */
export const TIMELINE_FUTEX_OFFSET = SIGNALED * 4

/** The owner's side: publishes progress. */
export class TimelinePageWriter {
  readonly #words: Words

  constructor(words: Words) {
    this.#words = words
    words.store(1, VERSION)
    words.store(0, MAGIC)
  }

  signal(seqno: number): void {
    storeCounter(this.#words, SIGNALED, seqno)
  }

  end(error: DmaBufError): void {
    this.#words.store(ENDED, errnoNumber(error.code))
  }
}

/** A watcher's side: everything read is checked, and progress never goes back. */
export class TimelinePageReader {
  readonly #words: Words
  readonly #signaled: CounterReader

  /** @throws {DmaBufError} EPROTO where the page is none */
  constructor(words: Words) {
    if (
      words.length * 4 < TIMELINE_PAGE_BYTES ||
      words.load(0) !== MAGIC ||
      words.load(1) !== VERSION
    )
      throw new DmaBufError('EPROTO', 'receiveTimeline', 'The peer sent a page that is no timeline')
    this.#words = words
    this.#signaled = new CounterReader(words, SIGNALED)
  }

  /** The highest signalled seqno. */
  load(): number {
    return this.#signaled.load()
  }

  /** The low word of the highest seqno seen: what a futex waiter expects to find. */
  get expectedWord(): number {
    return this.#signaled.latest | 0
  }

  /** The errno name the timeline ended with; undefined while it lives. */
  get endCode(): string | undefined {
    const errno = this.#words.load(ENDED)
    return errno > 0 && errno < 4096 ? errnoName(errno) : undefined
  }
}

/** The watcher's own page: says whether, and how, it wants to be woken. */
export class WatcherPageWriter {
  /** Look at the timeline once more after asking, before sleeping. */
  readonly bell: BellWish

  constructor(words: Words) {
    this.bell = new BellWish(words, BELL_WANTED)
    words.store(1, VERSION)
    words.store(0, WATCHER_MAGIC)
  }
}

/** The owner's look at a watcher's page. */
export class WatcherPageReader {
  /** Whether to ring now. */
  readonly bell: BellWatch
  readonly #words: Words

  /** @throws {DmaBufError} EPROTO where the page is none */
  constructor(words: Words) {
    if (
      words.length * 4 < TIMELINE_PAGE_BYTES ||
      words.load(0) !== WATCHER_MAGIC ||
      words.load(1) !== VERSION
    )
      throw new DmaBufError(
        'EPROTO',
        'shareTimeline',
        'The peer sent a page that is no watcher page',
      )
    this.#words = words
    this.bell = new BellWatch(words, BELL_WANTED)
  }

  get sleeps(): boolean {
    return this.#words.load(SLEEPERS) !== 0
  }
}
