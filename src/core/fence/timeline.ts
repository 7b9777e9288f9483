import { DmaBufError } from '../errors.js'
import { host } from '../host.js'
import { allocateContext } from './context.js'
import { Fence, signalFence, type FenceOps } from './fence.js'
import { PendingFences } from './pending-fences.js'

/** Hears of a timeline's progress: publishes it to other processes. */
export interface TimelineObserver {
  /** Called after the value rose and before callbacks of fences run. */
  advanced(value: number): void
  /** Called in place of advanced() where the value that was reached failed. */
  failed(value: number, error: DmaBufError): void
  /** Called once, when the timeline ended: what is pending then fails with this error. */
  ended(error: DmaBufError): void
}

/** Where a timeline's progress comes from when it is not the program itself: another process. */
export interface TimelineSource {
  /** Whose it is, for explain(). */
  readonly owner?: string
  /** Who made its fences; 'dmabuf' where absent. */
  readonly driverName?: string
  /** Latest known value; asked for when somebody looks at a pending fence. */
  refresh(): void
  /** Somebody waits: progress must be reported from now on. */
  enable(): void
}

/** Errors that a timeline remembers for fences that are asked for afterwards: the latest. */
const MAX_FAILURES = 256

/**
 * A counter that only rises, and fences for its values: a fence of seqno 5 signals when the value
 * reaches 5.
 *
 * @kernel sync_timeline (sw_sync)
 * @rule FENCE-5, SW-5
 */
export class Timeline implements Disposable {
  readonly name: string
  readonly context = allocateContext()
  readonly #pending = new PendingFences()
  readonly #ops: FenceOps
  #observers: TimelineObserver[] = []
  /** What values failed with, oldest first: at least those whose fences are pending yet. */
  readonly #failures = new Map<number, DmaBufError>()
  #value = 0
  #end: DmaBufError | undefined
  /** The highest seqno whose fence somebody waits for. */
  #awaited = 0

  constructor(name: string, source?: TimelineSource) {
    this.name = name
    this.#ops = {
      driverName: source?.driverName ?? 'dmabuf',
      timelineName: name,
      use64BitSeqno: true,
      ...(source?.owner === undefined ? {} : { owner: source.owner }),
      isSignaled: (fence) => {
        source?.refresh()
        return this.#settle(fence)
      },
      enableSignaling: (fence) => {
        if (fence.seqno > this.#awaited) this.#awaited = fence.seqno
        source?.enable()
        return !this.#settle(fence) && this.#end === undefined
      },
    }
  }

  /** The highest signalled seqno; 0 at first. */
  get value(): number {
    return this.#value
  }

  /** What the timeline ended with; undefined while it lives. */
  get end(): DmaBufError | undefined {
    return this.#end
  }

  /**
   * The fence that signals when the value reaches `seqno`, the next value where absent.
   *
   * @param seqno - safe integer, 1 and up
   * @returns a fence, signalled already where the value is there or the timeline has ended
   */
  fence(seqno = this.#value + 1): Fence {
    checkSeqno(seqno)
    const fence = new Fence(this.#ops, this.context, seqno)
    if (seqno <= this.#value) signalFence(fence, this.#failures.get(seqno))
    else if (this.#end !== undefined) signalFence(fence, this.#end)
    else this.#pending.add(fence)
    return fence
  }

  /**
   * Raises the value and signals, in order, every pending fence up to it.
   *
   * @throws {RangeError} if the value would not rise
   * @throws {DmaBufError} the error the timeline ended with
   */
  signal(seqno: number): void {
    this.#checkRise(seqno)
    this.advance(seqno)
  }

  /**
   * As signal(), but the work of `seqno` itself failed: its fences signal with the error, those before it
   * without. The timeline goes on.
   *
   * A fence of that seqno that is asked for later has the error, too, until 256 others failed.
   * @rule FENCE-15
   * @throws {RangeError} if the value would not rise
   * @throws {DmaBufError} the error the timeline ended with
   */
  fail(seqno: number, error: DmaBufError): void {
    this.#checkRise(seqno)
    if (!(error instanceof Error)) throw new TypeError('Error must be a DmaBufError')
    this.advance(seqno, error)
  }

  /** As signal() or fail(), for sources: what has been seen before, or comes after the end, is ignored. */
  advance(seqno: number, error?: DmaBufError): void {
    if (seqno <= this.#value || this.#end !== undefined) return
    this.#value = seqno
    if (error !== undefined) this.#remember(seqno, error)
    try {
      for (const observer of this.#observers)
        if (error === undefined) observer.advanced(seqno)
        else observer.failed(seqno, error)
    } finally {
      this.#signalUpTo(seqno, undefined)
    }
  }

  /** Ends the timeline: pending and later fences fail with the error, what was reached stays reached. */
  closeWith(error: DmaBufError): void {
    if (this.#end !== undefined) return
    this.#end = error
    const observers = this.#observers
    this.#observers = []
    try {
      // Not empty where a callback of a fence that was reached ends the timeline.
      this.#signalUpTo(this.#value, undefined)
      for (const observer of observers) observer.ended(error)
    } finally {
      this.#signalUpTo(Number.POSITIVE_INFINITY, error)
    }
  }

  /** Ends the timeline with ENOENT. Idempotent. @rule SW-7 */
  close(): void {
    this.closeWith(new DmaBufError('ENOENT', 'timeline', `Timeline was closed: ${this.name}`))
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /** Tells an observer of all progress until the timeline ends, or the result is disposed. @internal */
  observe(observer: TimelineObserver): Disposable {
    this.#observers.push(observer)
    return {
      [Symbol.dispose]: () => {
        this.#observers = this.#observers.filter((other) => other !== observer)
      },
    }
  }

  /** Whether fences are waiting for progress. */
  get hasPending(): boolean {
    return !this.#pending.isEmpty
  }

  /** The lowest seqno that has to be reported, as somebody waits; undefined where nobody does. */
  get wanted(): number | undefined {
    const first = this.#pending.firstSeqno
    return first !== undefined && first <= this.#awaited ? first : undefined
  }

  #checkRise(seqno: number): void {
    checkSeqno(seqno)
    if (this.#end !== undefined) throw this.#end
    if (seqno <= this.#value)
      throw new RangeError(`Seqno must rise: ${seqno}, the value is ${this.#value}`)
  }

  #remember(seqno: number, error: DmaBufError): void {
    const failures = this.#failures
    failures.set(seqno, error)
    if (failures.size <= MAX_FAILURES) return
    const [oldest] = failures.keys()
    // A callback of an earlier fence may be at it: those behind it are still to signal.
    if (oldest !== undefined && oldest < (this.#pending.firstSeqno ?? Infinity))
      failures.delete(oldest)
  }

  #failureOf({ seqno }: Fence): DmaBufError | undefined {
    return this.#failures.size === 0 ? undefined : this.#failures.get(seqno)
  }

  /** Whether a pending fence's seqno was reached: one that failed is signalled with its error. */
  #settle(fence: Fence): boolean {
    if (fence.seqno > this.#value) return false
    const error = this.#failureOf(fence)
    if (error !== undefined) signalFence(fence, error)
    return true
  }

  // One by one: a callback may signal, too, and what is pending below its seqno goes first. All have the
  // time at which the value rose.
  #signalUpTo(seqno: number, error: DmaBufError | undefined): void {
    const pending = this.#pending
    let fence = pending.takeUpTo(seqno)
    if (fence === undefined) return
    const nowNs = host().nowNs()
    for (; fence !== undefined; fence = pending.takeUpTo(seqno))
      signalFence(fence, error ?? this.#failureOf(fence), nowNs)
  }
}

/** Throws RangeError unless this can be a seqno: a safe integer from 1. */
export function checkSeqno(seqno: number): void {
  if (!Number.isSafeInteger(seqno) || seqno < 1)
    throw new RangeError(`Seqno must be a safe integer from 1: ${seqno}`)
}

/** A new timeline at value 0. @kernel sw_sync */
export function createTimeline(name: string): Timeline {
  if (typeof name !== 'string') throw new TypeError('Timeline name must be a string')
  return new Timeline(name)
}
