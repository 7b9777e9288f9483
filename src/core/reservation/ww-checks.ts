import { taskName, type Task } from '../wait-graph.js'
import { warn } from '../warn.js'
import type { ContextState } from './acquire-context.js'
import type { WwClass } from './ww-class.js'
import type { WwMutex } from './ww-mutex.js'

// How acquire contexts and locks are meant to be used. Called with `debug.lockChecks` on; each mistake is
// reported each time, and the operation goes on as if nothing had been said.

/** What a task has of one class. */
interface Holdings {
  contexts: number
  withContext: number
  withoutContext: number
}

const holdings = new WeakMap<WwClass, WeakMap<Task, Holdings>>()

function holdingsOf(wwClass: WwClass, task: Task): Holdings {
  let tasks = holdings.get(wwClass)
  if (tasks === undefined) holdings.set(wwClass, (tasks = new WeakMap()))
  let found = tasks.get(task)
  if (found === undefined)
    tasks.set(task, (found = { contexts: 0, withContext: 0, withoutContext: 0 }))
  return found
}

function flag(message: string): void {
  warn({ rule: 'WW-19', message, stack: new Error(message).stack })
}

/** Two contexts of one class in one task wait for each other unseen. @rule WW-19 */
export function checkNewContext(state: ContextState, task: Task | undefined): void {
  if (task === undefined) return
  const counts = holdingsOf(state.wwClass, task)
  if (counts.contexts > 0)
    flag(
      `${taskName(task)} begins an acquire context of class ${state.wwClass.name} and has one already: ` +
        'finish() that first, or lock everything with it',
    )
  counts.contexts++
  state.isCounted = true
}

/** done() is said once. @rule WW-19 */
export function checkDone(state: ContextState): void {
  if (state.isDone) flag('done() was called before: call it once, after the last lock()')
}

/** finish() comes after the last unlock, and when nothing is waited for. @rule WW-19 */
export function checkFinish(state: ContextState): void {
  if (state.isCounted) holdingsOf(state.wwClass, state.owner).contexts--
  state.isCounted = false
  if (state.acquired > 0)
    flag(`finish() with ${state.acquired} locks held: unlock all of them before`)
  if (state.waiter !== undefined)
    flag('finish() while a lock() of the context waits: await it before')
}

/** What must hold before a context takes a lock, waiting or not. @rule WW-14, WW-19 */
export function checkContext(state: ContextState, mutex: WwMutex): void {
  if (state.isFinished) flag('The acquire context was finished: begin another one')
  else if (state.isDone) flag('The acquire context said done(): lock before that')
  if (state.wwClass !== mutex.wwClass)
    flag(
      `A context of class ${state.wwClass.name} locks a mutex of class ${mutex.wwClass.name}: ` +
        'stamps of different classes say nothing about each other',
    )
  if (state.contended === undefined) return
  if (state.contended !== mutex)
    flag('EDEADLK was answered for another mutex: lockSlow() that one first')
  if (state.acquired > 0)
    flag(
      `${state.acquired} locks are held after EDEADLK: unlock all of them, then lockSlow() the contended one`,
    )
}

/** lockSlow() is the answer to EDEADLK. @rule WW-15, WW-19 */
export function checkSlow(state: ContextState): void {
  if (state.contended === undefined)
    flag('lockSlow() without EDEADLK before it: use lock(), which notices deadlocks')
}

/** After EDEADLK everything is unlocked before anything is locked. @rule WW-14, WW-19 */
export function checkSecondDeath(state: ContextState): void {
  if (state.contended !== undefined)
    flag('EDEADLK again, without a back-off: unlock everything that the context holds')
}

/** One task locks a class either with a context or, one at a time, without. @rule WW-19 */
export function checkMixing(mutex: WwMutex, task: Task, state: ContextState | undefined): void {
  const { withContext, withoutContext } = holdingsOf(mutex.wwClass, task)
  if ((state === undefined ? withContext : withoutContext) === 0) return
  const [has, takes] = state === undefined ? ['with', 'without'] : ['without', 'with']
  flag(
    `${taskName(task)} holds a lock of class ${mutex.wwClass.name} taken ${has} a context, and takes ` +
      `another ${takes} one: nobody can see the deadlock`,
  )
}

/** Counts a lock of a task, for checkMixing(). @returns what to count back at the unlock */
export function countLock(mutex: WwMutex, task: Task, state: ContextState | undefined): () => void {
  const counts = holdingsOf(mutex.wwClass, task)
  if (state === undefined) {
    counts.withoutContext++
    return () => counts.withoutContext--
  }
  counts.withContext++
  return () => counts.withContext--
}

/** Only what is locked can be unlocked, and only by its task. @rule WW-19, WW-21 */
export function checkUnlock(owner: Task | undefined, task: Task | undefined): void {
  if (owner === undefined) flag('unlock() of a mutex that is not locked: it was unlocked already')
  else if (task !== undefined && owner !== task)
    flag(
      `${taskName(task)} unlocks a mutex that ${taskName(owner)} holds: it is released all the same`,
    )
}

/** Nobody holds or waits for what is destroyed. @rule WW-19, RESV-5 */
export function checkDestroy(mutex: WwMutex): void {
  if (mutex.locked) flag('A locked mutex is destroyed: unlock it first')
}
