import { defer } from '../deferred.js'
import { host, type WaitOptions } from '../host.js'
import type { Task } from '../wait-graph.js'
import { warnThrown } from '../warn.js'
import type { AcquireContext, ContextState } from './acquire-context.js'
import type { WwMutex } from './ww-mutex.js'

/** Looks again whether a waiter can go on, when it was woken. */
type Recheck = (waiter: LockWaiter) => void

/** One lock() that waits: its place in the queue, and how to settle it. */
export class LockWaiter {
  readonly mutex: WwMutex
  readonly owner: Task
  readonly context: AcquireContext | undefined
  readonly state: ContextState | undefined
  readonly options: WaitOptions
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
  readonly #recheck: Recheck
  isQueued = false
  #isWoken = false
  isInterrupted = false
  isTimedOut = false
  #stopListening: (() => void) | undefined = undefined
  #stopTimer: (() => void) | undefined = undefined
  /** The note of who waits for whom, with `debug.signalling` on. */
  note: Disposable | undefined = undefined
  previous: LockWaiter | undefined = undefined
  next: LockWaiter | undefined = undefined
  /** The neighbours that have a context. */
  previousInContext: LockWaiter | undefined = undefined
  nextInContext: LockWaiter | undefined = undefined

  constructor(mutex: WwMutex, owner: Task, init: LockWaiterInit) {
    this.mutex = mutex
    this.owner = owner
    this.context = init.context
    this.state = init.state
    this.options = init.options
    this.resolve = init.resolve
    this.reject = init.reject
    this.#recheck = init.recheck
  }

  /** Lets it look again, after the current synchronous section: whoever is faster may take a free lock. */
  wake(): void {
    if (this.#isWoken) return
    this.#isWoken = true
    defer(this.#run)
  }

  readonly #run = (): void => {
    this.#isWoken = false
    if (this.isQueued) this.#recheck(this)
  }

  /**
   * Lets it be woken when its signal aborts or its time is over.
   *
   * @throws what the signal or the host throws; nothing is left behind then
   */
  listen(): void {
    const { signal, timeoutMs } = this.options
    try {
      if (signal !== undefined) {
        const onAbort = (): void => {
          this.isInterrupted = true
          this.wake()
        }
        this.#stopListening = () => signal.removeEventListener('abort', onAbort)
        signal.addEventListener('abort', onAbort)
      }
      if (timeoutMs === undefined || timeoutMs === Infinity) return
      this.#stopTimer = host().setTimer(timeoutMs, () => {
        this.isTimedOut = true
        this.wake()
      })
    } catch (error) {
      this.release()
      throw error
    }
  }

  /** Forgets its signal, its timer and its note, whatever they throw: a lock must not depend on them. */
  release(): void {
    this.endNote()
    if (this.#stopListening !== undefined) attempt(this.#stopListening)
    if (this.#stopTimer !== undefined) attempt(this.#stopTimer)
  }

  /** Ends the note that it waits: it holds the lock, or is about to give way. */
  endNote(): void {
    this.note?.[Symbol.dispose]()
    this.note = undefined
  }
}

/** What a waiter is made with besides its lock and who it waits for. */
export interface LockWaiterInit {
  readonly context: AcquireContext | undefined
  readonly state: ContextState | undefined
  readonly options: WaitOptions
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
  readonly recheck: Recheck
}

function attempt(work: () => void): void {
  try {
    work()
  } catch (error) {
    warnThrown('The end of a wait for a lock threw', error)
  }
}
