import { taskName, type Task } from '../wait-graph.js'
import type { AcquireContext } from './acquire-context.js'
import { mutexFacts, type WwMutex } from './ww-mutex.js'

/** A task that holds or wants a lock. */
export interface LockParty {
  /** As nameTask() named it; `somebody` where the lock was taken without a context and a task. */
  readonly name: string
  /** Of its acquire context. */
  readonly stamp: number | undefined
  /** Of its acquire context: how many locks it holds. */
  readonly acquired: number | undefined
}

/** Who holds a lock, and who waits for it. */
export interface HolderDescription extends LockParty {
  /** Where it was locked, with `debug.signalling` or `debug.stacks` on. */
  readonly stack: string | undefined
  /** The next one first. */
  readonly waiters: readonly LockParty[]
}

/** Who holds a lock and who waits for it, as plain data; undefined where it is free. */
export function describeHolder(mutex: WwMutex): HolderDescription | undefined {
  if (!mutex.locked) return undefined
  const { owner, context, stack, waiters } = mutexFacts(mutex)
  return {
    ...party(owner, context),
    stack,
    waiters: waiters.map((waiter) => party(waiter.owner, waiter.context)),
  }
}

function party(owner: Task | undefined, context: AcquireContext | undefined): LockParty {
  const name = owner === undefined ? 'somebody' : taskName(owner)
  return { name, stamp: context?.stamp, acquired: context?.acquired }
}
