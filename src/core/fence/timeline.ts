import { DmaBufError } from '../errors.js'
import { host } from '../host.js'
import { allocateContext } from './context.js'
import { Fence, signalFence, type FenceOps } from './fence.js'
import { PendingFences } from './pending-fences.js'

/** Hears of a timeline's progress: publishes it to other processes. */
export interface TimelineObserver {
  /** Called after the value rose and before callbacks of fences run. */
  advanced(value: number): void
  /** Called once, when the timeline ended: what is pending then fails with this error. */
  ended(error: DmaBufError): void
}

/** Where a timeline's progress comes from when it is not the program itself: another process. */
export interface TimelineSource {
  /** Latest known value; asked for when somebody looks at a pending fence. */
  refresh(): void
  /** Somebody waits: progress must be reported from now on. */
  enable(): void
}

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
  #value = 0
  #end: DmaBufError | undefined

  constructor(name: string, source?: TimelineSource) {
    this.name = name
    this.#ops = {
      driverName: 'dmabuf',
      timelineName: name,
      use64BitSeqno: true,
      isSignaled: (fence) => {
        source?.refresh()
        return fence.seqno <= this.#value
      },
      enableSignaling: (fence) => {
        source?.enable()
        return fence.seqno > this.#value && this.#end === undefined
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
    if (seqno <= this.#value) signalFence(fence)
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
    checkSeqno(seqno)
    if (this.#end !== undefined) throw this.#end
    if (seqno <= this.#value)
      throw new RangeError(`Seqno must rise: ${seqno}, the value is ${this.#value}`)
    this.advance(seqno)
  }

  /** As signal(), for sources: what has been seen before, or comes after the end, is ignored. */
  advance(seqno: number): void {
    if (seqno <= this.#value || this.#end !== undefined) return
    this.#value = seqno
    try {
      for (const observer of this.#observers) observer.advanced(seqno)
    } finally {
      this.#signalUpTo(seqno, undefined)
    }
  }

  /** Ends the timeline: pending and later fences fail with the error, what was reached stays reached. */
  fail(error: DmaBufError): void {
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
    this.fail(new DmaBufError('ENOENT', 'timeline', `Timeline was closed: ${this.name}`))
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

  // One by one: a callback may signal, too, and what is pending below its seqno goes first. All have the
  // time at which the value rose.
  #signalUpTo(seqno: number, error: DmaBufError | undefined): void {
    const pending = this.#pending
    let fence = pending.takeUpTo(seqno)
    if (fence === undefined) return
    const nowNs = host().nowNs()
    for (; fence !== undefined; fence = pending.takeUpTo(seqno)) signalFence(fence, error, nowNs)
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
