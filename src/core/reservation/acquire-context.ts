import { debug } from '../debug.js'
import type { Task } from '../wait-graph.js'
import type { LockWaiter } from './lock-waiter.js'
import { checkDone, checkFinish, checkNewContext } from './ww-checks.js'
import type { WwClass } from './ww-class.js'
import type { WwMutex } from './ww-mutex.js'

/** What locks know of a context; only they and the context write it. */
export class ContextState {
  readonly wwClass: WwClass
  readonly stamp: number
  /** Who locks: the task, or the context itself where no task was named. */
  owner: Task
  acquired = 0
  wounded = false
  /** The lock that answered EDEADLK, until the next acquisition. */
  contended: WwMutex | undefined = undefined
  /** Its place in the one queue that it waits in. */
  waiter: LockWaiter | undefined = undefined
  isDone = false
  isFinished = false
  /** Whether its task counts it as alive. */
  isCounted = false
  /** Acquisitions until the next injected back-off, and the count after that. @rule WW-20 */
  injectCountdown: number
  injectInterval = 1

  constructor(wwClass: WwClass, owner: Task) {
    this.wwClass = wwClass
    this.owner = owner
    this.stamp = wwClass.takeStamp()
    this.injectCountdown = this.stamp % 16
  }
}

/** Who locks with a context. */
export interface AcquireContextOptions {
  /**
   * Whoever runs, for reports and checks: any object, the same for all that one flow of the program does.
   * The context itself where absent.
   */
  readonly task?: Task | undefined
}

let stateOf: (context: AcquireContext) => ContextState

/** What locks know of a context. */
export function contextState(context: AcquireContext): ContextState {
  return stateOf(context)
}

/**
 * One attempt to hold several locks of a class at once, in any order.
 *
 * It keeps its stamp until it is finished, however often it backs off: so it becomes the oldest in time, and
 * the oldest never has to give way. A context waits for one lock at a time.
 *
 * @kernel ww_acquire_ctx
 * @rule WW-2, WW-18, WW-21, WW-22
 */
export class AcquireContext {
  readonly wwClass: WwClass
  readonly task: Task | undefined
  readonly #state: ContextState

  static {
    stateOf = (context) => context.#state
  }

  /** Begins an attempt; finish() ends it. @kernel ww_acquire_init */
  constructor(wwClass: WwClass, options?: AcquireContextOptions) {
    this.wwClass = wwClass
    this.task = options?.task
    this.#state = new ContextState(wwClass, this.task ?? this)
    if (debug.lockChecks) checkNewContext(this.#state, this.task)
  }

  /** Its age in its class: smaller is older. */
  get stamp(): number {
    return this.#state.stamp
  }

  /** How many locks it holds. */
  get acquired(): number {
    return this.#state.acquired
  }

  /** Whether an older context waits for a lock of this one; it gives way when it next has to wait. @rule WW-10 */
  get wounded(): boolean {
    return this.#state.wounded
  }

  /** The lock that answered EDEADLK last: the one for lockSlow() after everything is unlocked. @rule WW-14 */
  get contended(): WwMutex | undefined {
    return this.#state.contended
  }

  /** The lock it waits for now. */
  get waitingFor(): WwMutex | undefined {
    return this.#state.waiter?.mutex
  }

  /** Says that no more locks will be taken: debug checks then report one that is. @kernel ww_acquire_done @rule WW-18 */
  done(): void {
    if (debug.lockChecks) checkDone(this.#state)
    this.#state.isDone = true
  }

  /** Ends the attempt, after the last unlock. @kernel ww_acquire_fini @rule WW-18 */
  finish(): void {
    if (debug.lockChecks || this.#state.isCounted) checkFinish(this.#state)
    this.#state.isFinished = true
  }

  [Symbol.dispose](): void {
    this.finish()
  }
}
