import { debug } from '../debug.js'
import { checkLockInSection } from '../fence/signalling.js'
import { noteHold, noteWait, type Task } from '../wait-graph.js'
import type { ContextState } from './acquire-context.js'
import type { LockWaiter } from './lock-waiter.js'
import { checkContext, checkMixing, countLock } from './ww-checks.js'
import type { WwMutex } from './ww-mutex.js'

/** Holds and waits where nobody said who. */
export const SOMEBODY: Task = Object.freeze({})

/** What debug options remember of one who holds a lock. */
export class HoldNotes {
  /** Where it was locked. */
  readonly stack: string | undefined
  readonly #hold: Disposable | undefined
  readonly #uncount: (() => void) | undefined

  constructor(mutex: WwMutex, owner: Task, state: ContextState | undefined) {
    if (debug.signalling || debug.stacks) this.stack = new Error('Locked here').stack
    if (debug.signalling && owner !== SOMEBODY)
      this.#hold = noteHold(owner, mutex, labelOf(mutex, state))
    if (debug.lockChecks) this.#uncount = countLock(mutex, owner, state)
  }

  /** To be called at the unlock. */
  end(): void {
    this.#hold?.[Symbol.dispose]()
    this.#uncount?.()
  }
}

/** Reports what is wrong with a request for a lock before it is made. @rule WW-19, FENCE-39 */
export function checkRequest(mutex: WwMutex, owner: Task, state: ContextState | undefined): void {
  if (debug.lockChecks) {
    if (state !== undefined) checkContext(state, mutex)
    checkMixing(mutex, owner, state)
  }
  if (debug.signalling) checkLockInSection(owner, labelOf(mutex, state))
}

/** Notes that a waiter waits; undefined where nobody knows who that is. */
export function noteLockWait({ mutex, owner, state }: LockWaiter): Disposable | undefined {
  return owner === SOMEBODY ? undefined : noteWait(owner, mutex, labelOf(mutex, state))
}

function labelOf(mutex: WwMutex, state: ContextState | undefined): string {
  const context = state === undefined ? 'no context' : `context ${state.stamp}`
  return `lock of class ${mutex.wwClass.name} with ${context}`
}
