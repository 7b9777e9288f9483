import { DmaBufError } from '../core/errors.js'
import type { Fence } from '../core/fence/fence.js'
import { checkSeqno, Timeline } from '../core/fence/timeline.js'
import type { WaitOptions } from '../core/host.js'
import { checkWait } from '../core/wait.js'
import { MessageType } from '../interprocess/link-message.js'
import {
  TIMELINE_FUTEX_OFFSET,
  TIMELINE_PAGE_BYTES,
  TimelinePageReader,
  WATCHER_SLEEPS_OFFSET,
  WatcherPageWriter,
} from '../interprocess/timeline-page.js'
import { DoorbellListener } from './doorbell.js'
import type { Link, Received } from './link.js'
import { MapMode, Mapping } from './mapping.js'
import { checkReceivedMemory, createMemfd, sealForReaders } from './memfd.js'
import { native } from './native.js'
import type { OwnedFd } from './owned-fd.js'
import { TimelinePublisher } from './timeline-publisher.js'

const SLICE_MS = 20
const TURNS_BETWEEN_LOOKS = 64

/** How long a blocking wait may take, and what it signals on the way. */
export interface BlockingWaitOptions {
  /** Milliseconds; no limit where absent, but for the owner's death. */
  readonly timeoutMs?: number
  /** A shared timeline of ours to signal first: one system call then wakes its waiters and waits. */
  readonly signalFirst?: { readonly timeline: Timeline; readonly seqno: number }
}

/**
 * Another process's timeline, read from shared memory. Its fences are ordinary ones.
 *
 * When the owner dies, what it had signalled counts, and the rest fails with EOWNERDEAD, once.
 */
export class RemoteTimeline implements Disposable {
  readonly name: string
  readonly #link: Link
  readonly #reader: TimelinePageReader
  readonly #mapping: Mapping
  readonly #own: Mapping
  readonly #watcher: WatcherPageWriter
  readonly #timeline: Timeline
  readonly #resources: Disposable[]
  #closed = false

  /** @internal Use receiveTimeline(). @param page - moved @param set - moved */
  constructor(name: string, link: Link, parts: { page: OwnedFd; set: OwnedFd; own: OwnedFd }) {
    this.name = name
    this.#link = link
    checkReceivedMemory(parts.page, TIMELINE_PAGE_BYTES, 'a timeline')
    this.#mapping = new Mapping(parts.page, TIMELINE_PAGE_BYTES, MapMode.readOnly)
    this.#own = new Mapping(parts.own, TIMELINE_PAGE_BYTES, MapMode.shared)
    this.#resources = [this.#own, this.#mapping]
    try {
      this.#reader = new TimelinePageReader(this.#mapping.words())
      this.#watcher = new WatcherPageWriter(this.#own.words())
      sealForReaders(parts.own)
      this.#timeline = this.#newTimeline()
      this.#resources.unshift(this.#listen(parts.set), this.#followLink())
    } catch (error) {
      for (const resource of this.#resources) resource[Symbol.dispose]()
      throw error
    }
  }

  #newTimeline(): Timeline {
    return new Timeline(this.name, {
      refresh: () => {
        this.#refresh()
      },
      // Asks before it looks a last time, so that no signal falls in between.
      enable: () => {
        this.#watcher.bell.ask()
        this.#refresh()
      },
    })
  }

  #listen(set: OwnedFd): DoorbellListener {
    const rung = (): void => {
      if (this.#timeline.hasPending) this.#watcher.bell.ask()
      this.#refresh()
    }
    return new DoorbellListener(set, rung, (error) => this.#timeline.closeWith(error))
  }

  #followLink(): Disposable {
    return this.#link.onEnd(({ clean, error }) => {
      this.#refresh()
      const by = this.#link.closed ? 'we have' : `its owner (pid ${this.#link.peer.pid}) has`
      const gone = `Timeline ${this.name}: ${by} closed the link`
      this.#timeline.closeWith(clean ? new DmaBufError('ENOENT', 'timeline', gone) : error)
    })
  }

  /** The highest seqno that its owner has signalled. */
  get value(): number {
    this.#refresh()
    return this.#timeline.value
  }

  /** The fence that signals when the owner reaches `seqno`. Watched only while somebody waits. */
  fence(seqno: number): Fence {
    this.#refresh()
    return this.#timeline.fence(seqno)
  }

  /** Settles when the owner reaches `seqno`. */
  wait(seqno: number, options: WaitOptions = {}): Promise<void> {
    return this.fence(seqno).wait(options)
  }

  /**
   * Blocks the thread until the owner reaches `seqno`: for worker threads and programs without an event loop.
   *
   * @throws {DmaBufError} ETIMEDOUT; EOWNERDEAD soon after the owner's death
   */
  waitSync(seqno: number, options: BlockingWaitOptions = {}): void {
    const { timeoutMs = Infinity, signalFirst } = options
    checkWait({ timeoutMs })
    checkSeqno(seqno)
    const deadline = timeoutMs === Infinity ? Infinity : performance.now() + timeoutMs
    if (this.#closed) {
      signalFirst?.timeline.signal(signalFirst.seqno)
      this.#reached(seqno)
      return
    }
    let wake: Mapping | undefined
    try {
      if (signalFirst !== undefined) wake = signalOwing(signalFirst)
      for (let turn = 1; !this.#reached(seqno); turn++) {
        // The clock is read only for whoever has a deadline: it is a tenth of what a turn costs here.
        const leftMs = deadline === Infinity ? SLICE_MS : deadline - performance.now()
        if (leftMs <= 0)
          throw new DmaBufError('ETIMEDOUT', 'waitSync', `No seqno ${seqno} after ${timeoutMs} ms`)
        const woken = this.#sleep(Math.min(SLICE_MS, Math.ceil(leftMs)), wake)
        wake = undefined
        // A dead owner wakes nobody: after each slice look at the link, and now and then also where the
        // owner's word is never the expected one, so that nothing sleeps.
        if (!woken || turn % TURNS_BETWEEN_LOOKS === 0) this.#link.pump()
      }
    } finally {
      if (wake !== undefined) native().futexWake(wake.handle, TIMELINE_FUTEX_OFFSET)
    }
  }

  /** Stops watching; pending fences fail with ENOENT. The link stays open. Idempotent. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#timeline.close()
    for (const resource of this.#resources) resource[Symbol.dispose]()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #reached(seqno: number): boolean {
    if (this.#timeline.value >= seqno) return true
    this.#refresh()
    if (this.#timeline.value >= seqno) return true
    if (this.#timeline.end !== undefined) throw this.#timeline.end
    return false
  }

  #sleep(ms: number, wake: Mapping | undefined): boolean {
    const at = TIMELINE_FUTEX_OFFSET
    const { handle } = this.#mapping
    const own = this.#own.handle
    const expected = this.#reader.expectedWord
    const result =
      wake === undefined
        ? native().futexSleep(handle, at, expected, ms, own, WATCHER_SLEEPS_OFFSET)
        : native().futexSleep(handle, at, expected, ms, own, WATCHER_SLEEPS_OFFSET, wake.handle, at)
    return result >= 0
  }

  #refresh(): void {
    if (this.#closed) return
    this.#timeline.advance(this.#reader.load())
    const code = this.#reader.endCode
    if (code === undefined) return
    this.#timeline.advance(this.#reader.load())
    this.#timeline.closeWith(
      new DmaBufError(code, 'timeline', `Timeline ${this.name} was ended by its owner`),
    )
  }
}

function signalOwing({
  timeline,
  seqno,
}: {
  timeline: Timeline
  seqno: number
}): Mapping | undefined {
  const publisher = TimelinePublisher.of(timeline)
  return publisher.signalWithoutWake(timeline, seqno) ? publisher.mapping : undefined
}

/**
 * The next timeline that the process at the other end of a link shares.
 *
 * @returns owned: close() it, or hold it with `using`
 * @throws {DmaBufError} EPROTO where what it sent is no timeline; EPIPE when it left; EOWNERDEAD; ETIMEDOUT
 */
export async function receiveTimeline(
  from: Link,
  options: WaitOptions = {},
): Promise<RemoteTimeline> {
  const offer = await from.next(MessageType.timelineShare, options)
  if (offer === undefined)
    throw new DmaBufError('EPIPE', 'receiveTimeline', 'The peer left without sharing a timeline')
  return accept(from, offer)
}

async function accept(from: Link, offer: Received): Promise<RemoteTimeline> {
  const [page, set, ...surplus] = offer.fds
  const own = createMemfd('watcher', TIMELINE_PAGE_BYTES)
  try {
    for (const fd of surplus) fd.close()
    if (page === undefined || set === undefined)
      throw new DmaBufError('EPROTO', 'receiveTimeline', 'The peer sent no timeline')
    const name = new TextDecoder().decode(offer.payload.subarray(0, 200))
    const timeline = new RemoteTimeline(name, from, { page, set, own })
    try {
      const { argument } = offer
      await from.post(MessageType.timelineAccept, new Uint8Array(0), { fds: [own], argument })
    } catch (error) {
      timeline.close()
      throw error
    }
    return timeline
  } catch (error) {
    set?.close()
    throw error
  } finally {
    page?.close()
    own.close()
  }
}
