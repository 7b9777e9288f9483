// What the tests of locks share: a lock() to look at, and the end of everything that can go on.
import { DmaBufError } from '#src/core/errors.js'
import { AcquireContext } from '#src/core/reservation/acquire-context.js'
import { WwClass, type WwAlgorithm } from '#src/core/reservation/ww-class.js'
import { WwMutex } from '#src/core/reservation/ww-mutex.js'

/** Both ways of giving way. */
export const ALGORITHMS = ['wait-die', 'wound-wait'] as const

/** What has become of a lock(). */
export interface Tracked {
  state: 'waits' | 'held' | 'failed'
  /** Of the error. */
  code: string | undefined
  error: unknown
}

/** Watches a promise without waiting for it. */
export function track(promise: Promise<unknown>): Tracked {
  const tracked: Tracked = { state: 'waits', code: undefined, error: undefined }
  promise.then(
    () => (tracked.state = 'held'),
    (error: unknown) => {
      tracked.state = 'failed'
      tracked.error = error
      if (DmaBufError.is(error)) tracked.code = error.code
    },
  )
  return tracked
}

/** Resolves when every task that could run has run: nothing here waits for a timer. */
export async function settle(turns = 20): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await Promise.resolve()
}

/** More turns than any test needs: a loop that lost its end fails instead of running for ever. */
const MAX_TURNS = 100_000

/** Resolves when the condition holds, turn by turn. */
export async function turnsUntil(condition: () => boolean): Promise<void> {
  for (let turn = 0; !condition(); turn++) {
    if (turn === MAX_TURNS) throw new Error('Nothing happens any more')
    await Promise.resolve()
  }
}

/** A class with locks of it; contexts are made in the order of their age. */
export class WwRig {
  readonly wwClass: WwClass
  readonly #mutexes: WwMutex[] = []

  constructor(algorithm: WwAlgorithm) {
    this.wwClass = new WwClass('test', algorithm)
  }

  /** The lock of an index, made when it is first asked for. */
  mutex(index: number): WwMutex {
    return (this.#mutexes[index] ??= new WwMutex(this.wwClass))
  }

  context(): AcquireContext {
    return new AcquireContext(this.wwClass)
  }

  /** A context that holds a lock which nobody else wants: so it may be told to give way. */
  async busyContext(): Promise<AcquireContext> {
    const context = this.context()
    await new WwMutex(this.wwClass).lock(context)
    return context
  }
}

/** Locks all, in the order given, and backs off as often as it is told to. @returns how often that was */
export async function lockAllOf(
  context: AcquireContext,
  mutexes: readonly WwMutex[],
): Promise<number> {
  let contended: WwMutex | undefined
  for (let deaths = 0; ; deaths++) {
    const held: WwMutex[] = []
    if (contended !== undefined) {
      await contended.lockSlow(context)
      held.push(contended)
    }
    contended = await lockRest(context, mutexes, held)
    if (contended === undefined) return deaths
    for (const mutex of held) mutex.unlock()
    if (deaths === MAX_TURNS) throw new Error('No progress')
  }
}

/** @returns the lock that answered EDEADLK */
async function lockRest(
  context: AcquireContext,
  mutexes: readonly WwMutex[],
  held: WwMutex[],
): Promise<WwMutex | undefined> {
  for (const mutex of mutexes) {
    try {
      await mutex.lock(context)
      held.push(mutex)
    } catch (error) {
      if (DmaBufError.is(error, 'EDEADLK')) return mutex
      // The one that was contended comes again in the list.
      if (!DmaBufError.is(error, 'EALREADY') || !held.includes(mutex)) throw error
    }
  }
  return undefined
}
