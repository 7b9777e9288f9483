import type { DmaBufError } from '../core/errors.js'
import type { Timeline } from '../core/fence/timeline.js'
import {
  TIMELINE_FUTEX_OFFSET,
  TIMELINE_PAGE_BYTES,
  TimelinePageWriter,
  type WatcherPageReader,
} from '../interprocess/timeline-page.js'
import type { Doorbell } from './doorbell.js'
import { MapMode, Mapping } from './mapping.js'
import { createMemfd, sealForReaders } from './memfd.js'
import { native } from './native.js'
import type { OwnedFd } from './owned-fd.js'

/** One process that watches a timeline of ours. */
export interface Watcher {
  readonly page: WatcherPageReader
  readonly bell: Doorbell
}

const publishers = new WeakMap<Timeline, TimelinePublisher>()

/** The page that a timeline is published in, made at the first share and kept until the timeline ends. */
export class TimelinePublisher {
  readonly page: OwnedFd
  readonly mapping: Mapping
  readonly watchers = new Set<Watcher>()
  readonly #writer: TimelinePageWriter
  /** A blocking wait is about to wake the sleepers itself, in the same system call. */
  #deferWake = false
  #wakeOwed = false

  private constructor(timeline: Timeline) {
    this.page = createMemfd('timeline', TIMELINE_PAGE_BYTES)
    this.mapping = new Mapping(this.page, TIMELINE_PAGE_BYTES, MapMode.shared)
    sealForReaders(this.page)
    this.#writer = new TimelinePageWriter(this.mapping.words())
    if (timeline.value > 0) this.#writer.signal(timeline.value)
    timeline.observe({
      advanced: (value) => {
        this.#writer.signal(value)
        this.#wake(false)
      },
      failed: (value) => {
        this.#writer.signal(value)
        this.#wake(false)
      },
      ended: (error) => {
        this.#end(error)
      },
    })
  }

  /** The publisher of a timeline. */
  static of(timeline: Timeline): TimelinePublisher {
    let publisher = publishers.get(timeline)
    if (publisher === undefined) {
      publisher = new TimelinePublisher(timeline)
      publishers.set(timeline, publisher)
    }
    return publisher
  }

  /** Signals, and says whether sleepers are left to be woken by the caller's next system call. */
  signalWithoutWake(timeline: Timeline, seqno: number): boolean {
    this.#deferWake = true
    this.#wakeOwed = false
    try {
      timeline.signal(seqno)
    } finally {
      this.#deferWake = false
    }
    return this.#wakeOwed
  }

  // Signalling that nobody waits for is a store: no system call.
  #wake(all: boolean): void {
    let sleeps = false
    for (const { page, bell } of this.watchers) {
      if (page.bell.take() || all) bell.ring()
      sleeps ||= page.sleeps
    }
    if (!sleeps) return
    if (this.#deferWake) this.#wakeOwed = true
    else native().futexWake(this.mapping.handle, TIMELINE_FUTEX_OFFSET)
  }

  #end(error: DmaBufError): void {
    this.#writer.end(error)
    // The bells stay open until their links end: closing one takes the ring back that nobody heard yet.
    this.#wake(true)
    this.mapping.close()
    this.page.close()
  }
}
