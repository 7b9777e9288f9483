import { debug } from '../debug.js'
import { bug, DmaBufError } from '../errors.js'
import type { WaitOptions } from '../host.js'
import { taskName, type Task } from '../wait-graph.js'
import { contextState, type AcquireContext, type ContextState } from './acquire-context.js'
import { checkRequest, HoldNotes, noteLockWait, SOMEBODY } from './hold-notes.js'
import { lockError, type LockAttempt } from './lock-attempt.js'
import { LockWaiter } from './lock-waiter.js'
import { WaitQueue } from './wait-queue.js'
import {
  checkContext,
  checkDestroy,
  checkSecondDeath,
  checkSlow,
  checkUnlock,
} from './ww-checks.js'
import { isOlderStamp, type WwClass } from './ww-class.js'

/** How long a lock() waits, and for whom. */
export interface LockOptions extends WaitOptions {
  /** Whoever locks without a context; a context brings its own task. @rule PORT-6 */
  readonly task?: Task | undefined
}

const NO_OPTIONS: LockOptions = {}

// One promise for all locks that were free: it holds no value, and costs nothing.
const ACQUIRED = Promise.resolve()

/** Who holds a lock, and who waits for it, the next one first. */
export interface MutexFacts {
  readonly owner: Task | undefined
  readonly context: AcquireContext | undefined
  /** Where it was locked, where that was remembered. */
  readonly stack: string | undefined
  readonly waiters: readonly Pick<MutexFacts, 'owner' | 'context'>[]
}

let readFacts: (mutex: WwMutex) => MutexFacts
let recheck: (waiter: LockWaiter) => void

/** What describeHolder() tells. */
export function mutexFacts(mutex: WwMutex): MutexFacts {
  return readFacts(mutex)
}

/**
 * A lock of which one context can hold several, in any order: where two would wait for each other for ever,
 * the younger is told EDEADLK.
 *
 * Nothing in it blocks a thread: lock() waits as promises do. A free lock is taken at once, inside the call.
 * Who is told EDEADLK unlocks all it holds with that context, awaits lockSlow() of the contended one, and
 * locks the rest again.
 *
 * @kernel ww_mutex
 * @rule WW-1 … WW-22
 */
export class WwMutex {
  readonly wwClass: WwClass
  readonly #isWaitDie: boolean
  #owner: Task | undefined = undefined
  #context: AcquireContext | undefined = undefined
  #state: ContextState | undefined = undefined
  #queue: WaitQueue | undefined = undefined
  /** The first waiter found it taken once: the next unlock gives it to the first waiter. */
  #isHandOff = false
  #notes: HoldNotes | undefined = undefined

  static {
    readFacts = (mutex) => mutex.#facts()
    recheck = (waiter) => waiter.mutex.#recheck(waiter)
  }

  constructor(wwClass: WwClass) {
    this.wwClass = wwClass
    this.#isWaitDie = wwClass.algorithm === 'wait-die'
  }

  /** Whether somebody holds it. @kernel ww_mutex_is_locked */
  get locked(): boolean {
    return this.#owner !== undefined
  }

  /** The context it is held with. @kernel dma_resv_locking_ctx */
  get context(): AcquireContext | undefined {
    return this.#context
  }

  /**
   * Takes the lock where it is free.
   *
   * @kernel ww_mutex_trylock
   * @rule WW-16
   * @param task - who locks without a context
   * @returns false where it is held, by whomever, or promised to a waiter
   */
  tryLock(context?: AcquireContext, task?: Task): boolean {
    const state = context === undefined ? undefined : enter(context)
    if (this.#owner !== undefined) return false
    if (debug.lockChecks && state !== undefined) checkContext(state, this)
    this.#take(state === undefined ? (task ?? SOMEBODY) : state.owner, context, state)
    return true
  }

  /**
   * Resolves when the lock is held; a free one is held when the call returns.
   *
   * @kernel ww_mutex_lock, ww_mutex_lock_interruptible
   * @rule WW-3 … WW-13
   * @param context - undefined: an ordinary lock, without any notice of deadlocks
   * @throws {DmaBufError} EDEADLK: unlock everything of this context, then lockSlow() this; EALREADY: this
   *   context holds it; EINTR: the signal was aborted, its reason is the cause; ETIMEDOUT. As rejections
   */
  lock(context?: AcquireContext, options: LockOptions = NO_OPTIONS): Promise<void> {
    try {
      const attempt = this.tryAcquire(context, options)
      if (attempt === 'acquired') return ACQUIRED
      if (attempt === 'wait') return this.wait(context, options)
      return Promise.reject(lockError(attempt, options))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Waits for the lock that answered EDEADLK, when everything else is unlocked; it cannot answer EDEADLK then.
   *
   * @kernel ww_mutex_lock_slow, ww_mutex_lock_slow_interruptible
   * @rule WW-14, WW-15
   * @throws {DmaBufError} as lock(), where the context still holds locks: the kernel would not even tell
   */
  lockSlow(context: AcquireContext, options: LockOptions = NO_OPTIONS): Promise<void> {
    try {
      if (debug.lockChecks) checkSlow(contextState(context))
      return this.lock(context, options)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * The part of lock() that needs no promise: what has a promise of its own begins with it. After `wait` call
   * wait(), in the same turn; the other answers are final, and lockError() makes their errors.
   *
   * @internal
   * @rule WW-4 … WW-10, WW-12, WW-20
   */
  tryAcquire(context: AcquireContext | undefined, options: LockOptions = NO_OPTIONS): LockAttempt {
    const state = context === undefined ? undefined : enter(context)
    const { task = SOMEBODY, timeoutMs } = options
    if (timeoutMs !== undefined && !(timeoutMs >= 0))
      throw new RangeError(`timeoutMs must be 0 or more: ${timeoutMs}`)
    const owner = state === undefined ? task : state.owner
    if (debug.lockChecks || debug.signalling) checkRequest(this, owner, state)
    if (this.#owner === undefined) {
      this.#take(owner, context, state)
      return state !== undefined && debug.injectBackoff ? this.#inject(state) : 'acquired'
    }
    if (state !== undefined && state === this.#state) return 'already'
    return this.#contend(state, owner, options)
  }

  /**
   * Waits in the queue, after tryAcquire() said `wait`.
   *
   * @rule WW-8, WW-9, WW-12
   */
  wait(context: AcquireContext | undefined, options: LockOptions = NO_OPTIONS): Promise<void> {
    const state = context === undefined ? undefined : contextState(context)
    const owner = state === undefined ? (options.task ?? SOMEBODY) : state.owner
    return new Promise<void>((resolve, reject) => {
      const init = { context, state, options, resolve, reject, recheck }
      const waiter = new LockWaiter(this, owner, init)
      waiter.listen()
      this.#enqueue(waiter)
    })
  }

  /**
   * Releases the lock: to the first waiter if that has asked for it, else to whoever is first to take it.
   *
   * @kernel ww_mutex_unlock
   * @rule WW-12, WW-17
   * @param task - who unlocks, where known: debug checks compare it with who locked
   */
  unlock(task?: Task): void {
    if (debug.lockChecks) checkUnlock(this.#owner, task)
    const state = this.#state
    if (state !== undefined) state.acquired--
    this.#owner = undefined
    this.#context = undefined
    this.#state = undefined
    if (this.#notes !== undefined) {
      this.#notes.end()
      this.#notes = undefined
    }
    const first = this.#queue?.first
    if (first === undefined) return
    if (!this.#isHandOff) {
      first.wake()
      return
    }
    this.#isHandOff = false
    this.#admit(first)
  }

  /** Says that a context has to give way to somebody in another process. @internal @rule WW-14 */
  giveWay(context: AcquireContext): void {
    this.#die(contextState(context))
  }

  /** Ends the lock, which nobody holds. @kernel ww_mutex_destroy @rule WW-19 */
  destroy(): void {
    if (debug.lockChecks) checkDestroy(this)
  }

  #take(owner: Task, context: AcquireContext | undefined, state: ContextState | undefined): void {
    this.#owner = owner
    if (state !== undefined) {
      this.#context = context
      this.#state = state
      state.acquired++
      state.contended = undefined
      const waiter = this.#queue?.firstInContext
      if (waiter !== undefined) this.#checkWaiters(waiter, state)
    }
    if (debug.lockChecks || debug.signalling || debug.stacks)
      this.#notes = new HoldNotes(this, owner, state)
  }

  /** Held by somebody else: who of the two gives way? */
  #contend(state: ContextState | undefined, owner: Task, { signal }: LockOptions): LockAttempt {
    const holder = this.#state
    const mayDie = state !== undefined && state.acquired > 0
    if (mayDie && this.#isWaitDie) {
      const oldest = this.#queue?.firstInContext
      if (oldest !== undefined && isOlder(oldest.state!, state)) return this.#die(state)
    } else if (mayDie && holder !== undefined && isOlder(state, holder)) wound(holder)
    if (signal?.aborted === true) return 'interrupted'
    if (mayDie && this.#mustDie(state)) return this.#die(state)
    if (debug.lockChecks && owner === this.#owner && owner !== SOMEBODY)
      bug(
        'WW-3',
        'lock',
        `${taskName(owner)} holds this lock and waits for it for ever: unlock it first`,
      )
    return 'wait'
  }

  /** Whether the holder alone makes a context that holds locks give way. */
  #mustDie(state: ContextState): boolean {
    if (!this.#isWaitDie) return state.wounded
    const holder = this.#state
    return holder !== undefined && isOlder(holder, state)
  }

  #die(state: ContextState): 'die' {
    if (debug.lockChecks) checkSecondDeath(state)
    state.contended = this
    return 'die'
  }

  #enqueue(waiter: LockWaiter): void {
    const { state } = waiter
    const queue = (this.#queue ??= new WaitQueue())
    queue.insert(waiter)
    if (state !== undefined) {
      state.waiter = waiter
      // Of the younger ones only the next can hold anything: any other had an older one before it.
      const next = waiter.nextInContext
      // equivalent mutants: comparison: one that holds nothing looks again and waits on
      if (this.#isWaitDie && next !== undefined && next.state!.acquired > 0) next.wake()
    }
    if (debug.signalling) waiter.note = noteLockWait(waiter)
    // A signal may do anything when it is listened to: what was true when the caller asked is asked again.
    if (this.#owner === undefined || this.#mustDieInQueue(waiter)) waiter.wake()
  }

  /** A waiter was woken: a free lock beats a signal, and a signal beats giving way. */
  #recheck(waiter: LockWaiter): void {
    if (this.#owner === undefined) this.#admit(waiter)
    else if (waiter.isInterrupted) this.#dismiss(waiter, lockError('interrupted', waiter.options))
    else if (waiter.isTimedOut) this.#dismiss(waiter, this.#timeoutError(waiter.options))
    else if (this.#mustDieInQueue(waiter))
      this.#dismiss(waiter, lockError(this.#die(waiter.state!)))
    else if (waiter === this.#queue!.first) this.#isHandOff = true
  }

  #mustDieInQueue({ state, previousInContext }: LockWaiter): boolean {
    if (state === undefined || state.acquired === 0) return false
    return (this.#isWaitDie && previousInContext !== undefined) || this.#mustDie(state)
  }

  /** Gives the free lock to a waiter. */
  #admit(waiter: LockWaiter): void {
    this.#leave(waiter)
    const { state } = waiter
    this.#take(waiter.owner, waiter.context, state)
    const attempt = state !== undefined && debug.injectBackoff ? this.#inject(state) : 'acquired'
    if (attempt === 'acquired') waiter.resolve()
    else waiter.reject(lockError(attempt))
    waiter.release()
  }

  #dismiss(waiter: LockWaiter, error: DmaBufError): void {
    this.#leave(waiter)
    waiter.reject(error)
    waiter.release()
  }

  #leave(waiter: LockWaiter): void {
    const queue = this.#queue!
    queue.remove(waiter)
    if (waiter.state !== undefined) waiter.state.waiter = undefined
    if (queue.first === undefined) this.#isHandOff = false
  }

  /** The lock was taken past waiters: does one of them make the new holder, or the holder it, give way? */
  #checkWaiters(oldest: LockWaiter, holder: ContextState): void {
    if (this.#isWaitDie) {
      // Of the waiters with a context only the oldest can hold other locks.
      const { state } = oldest
      if (state!.acquired > 0 && isOlder(holder, state!)) oldest.wake()
      return
    }
    let waiter: LockWaiter | undefined = oldest
    for (; waiter !== undefined && isOlder(waiter.state!, holder); waiter = waiter.nextInContext) {
      if (waiter.state!.acquired === 0) continue
      wound(holder)
      return
    }
  }

  /** Pretends a deadlock when the count of the context has run down. @rule WW-20 */
  #inject(state: ContextState): 'acquired' | 'die' {
    if (state.acquired <= 1 || state.injectCountdown-- > 0) return 'acquired'
    state.injectInterval = Math.floor(state.injectInterval * 3.5)
    state.injectCountdown = state.injectInterval
    state.contended = this
    this.unlock()
    return 'die'
  }

  #timeoutError({ timeoutMs }: WaitOptions): DmaBufError {
    const owner = this.#owner!
    const holder = owner === SOMEBODY ? 'somebody' : taskName(owner)
    const message = `lock timed out after ${timeoutMs!} ms: ${holder} holds it`
    return new DmaBufError('ETIMEDOUT', 'lock', message)
  }

  #facts(): MutexFacts {
    const known = (owner: Task | undefined) => (owner === SOMEBODY ? undefined : owner)
    const waiters: Pick<MutexFacts, 'owner' | 'context'>[] = []
    for (let waiter = this.#queue?.first; waiter !== undefined; waiter = waiter.next)
      waiters.push({ owner: known(waiter.owner), context: waiter.context })
    const stack = this.#notes?.stack
    return { owner: known(this.#owner), context: this.#context, stack, waiters }
  }
}

/** The state of a context that may lock now. */
function enter(context: AcquireContext): ContextState {
  const state = contextState(context)
  if (state.waiter !== undefined)
    bug('WW-21', 'lock', 'The acquire context waits for another lock: await that lock() first')
  if (state.acquired === 0) state.wounded = false
  return state
}

function isOlder(a: ContextState, b: ContextState): boolean {
  return isOlderStamp(a.stamp, b.stamp)
}

/** Tells a holder that it is in the way of an older context; if it waits, it gives way now. @rule WW-10 */
function wound(holder: ContextState): void {
  holder.wounded = true
  const { waiter } = holder
  if (waiter === undefined) return
  // It is about to give way: its wait closes no circle.
  waiter.endNote()
  waiter.wake()
}
