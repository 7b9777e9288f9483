import { DmaBufError } from '../core/errors.js'
import type { Fence } from '../core/fence/fence.js'
import { checkSeqno, type Timeline } from '../core/fence/timeline.js'
import type { WaitOptions } from '../core/host.js'
import { checkWait } from '../core/wait.js'
import type { FollowedTimeline } from '../interprocess/followed-timeline.js'
import { MessageType } from '../interprocess/link-message.js'
import { signalOwing, type Wake } from './futex-wakes.js'
import { LinkMember } from './link-member.js'
import type { Link } from './link.js'
import { native } from './native.js'
import { sleepersOffset, SLEEPS_OFFSET } from './own-member.js'
import type { RemoteMember } from './remote-member.js'

const SLICE_MS = 20
const TURNS_BETWEEN_LOOKS = 64

/** How long a blocking wait may take, and what it signals on the way. */
export interface BlockingWaitOptions {
  /** Milliseconds; no limit where absent, but for the owner's death. */
  readonly timeoutMs?: number
  /** A shared timeline of ours to signal first: one system call then wakes its waiters and waits. */
  readonly signalFirst?: { readonly timeline: Timeline; readonly seqno: number }
}

/** Where a remote timeline comes from. */
interface Source {
  readonly link: Link
  readonly remote: RemoteMember
}

/**
 * Another process's timeline, read from shared memory. Its fences are ordinary ones, and fail one by one.
 *
 * When the owner dies, what it had signalled counts, and the rest fails with EOWNERDEAD, once.
 */
export class RemoteTimeline implements Disposable {
  readonly name: string
  readonly #link: Link
  readonly #remote: RemoteMember
  readonly #followed: FollowedTimeline
  readonly #timeline: Timeline
  #closed = false

  /** @internal Use receiveTimeline(). */
  constructor(name: string, followed: FollowedTimeline, { link, remote }: Source) {
    this.name = name
    this.#link = link
    this.#remote = remote
    this.#followed = followed
    this.#timeline = followed.timeline
  }

  /** The highest seqno that its owner has signalled. */
  get value(): number {
    this.#followed.look()
    return this.#timeline.value
  }

  /** The fence that signals when the owner reaches `seqno`. Watched only while somebody waits. */
  fence(seqno: number): Fence {
    // Before the look: what fails just now is then told exactly.
    const fence = this.#timeline.fence(seqno)
    this.#followed.look()
    return fence
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
    let wake: Wake | undefined
    try {
      if (signalFirst !== undefined)
        wake = signalOwing(() => signalFirst.timeline.signal(signalFirst.seqno))
      for (let turn = 1; !this.#reached(seqno); turn++) {
        // The clock is read only for whoever has a deadline: it is a tenth of what a turn costs here.
        const leftMs = deadline === Infinity ? SLICE_MS : deadline - performance.now()
        if (leftMs <= 0)
          throw new DmaBufError('ETIMEDOUT', 'waitSync', `No seqno ${seqno} after ${timeoutMs} ms`)
        const woken = this.#sleep(Math.min(SLICE_MS, Math.ceil(leftMs)), wake)
        wake = undefined
        // A dead owner wakes nobody: after each slice look at the link, and now and then also where the
        // owner's word is never the expected one, so that nothing sleeps.
        if (!woken || turn % TURNS_BETWEEN_LOOKS === 0) this.#link.pump(true)
      }
    } finally {
      if (wake !== undefined) native().futexWake(wake.mapping.handle, wake.offset)
    }
  }

  /** Stops watching; pending fences fail with ENOENT. The link stays open. Idempotent. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    const message = `Timeline was closed: ${this.name}`
    this.#remote.fences.close(this.#followed, new DmaBufError('ENOENT', 'timeline', message))
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #reached(seqno: number): boolean {
    if (this.#timeline.value >= seqno) return true
    this.#followed.look()
    if (this.#timeline.value >= seqno) return true
    if (this.#timeline.end !== undefined) throw this.#timeline.end
    return false
  }

  #sleep(ms: number, wake: Wake | undefined): boolean {
    const { own, mapping } = this.#remote
    const { slot, expectedWord } = this.#followed
    const at = sleepersOffset(own.layout, slot)
    const { handle } = own.page.mapping
    const result =
      wake === undefined
        ? native().futexSleep(mapping.handle, at, expectedWord, ms, handle, SLEEPS_OFFSET)
        : native().futexSleep(
            mapping.handle,
            at,
            expectedWord,
            ms,
            handle,
            SLEEPS_OFFSET,
            wake.mapping.handle,
            wake.offset,
          )
    return result >= 0
  }
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
  return LinkMember.of(from).take(
    MessageType.timelineShare,
    ({ remote, at, names }) => {
      const followed = remote.fences.follow(at, names)
      if (followed === undefined) return undefined
      return new RemoteTimeline(names.timelineName, followed, { link: from, remote })
    },
    options,
  )
}
