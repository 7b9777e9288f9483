import { DmaBufError } from '../errors.js'
import type { WaitOptions } from '../host.js'
import { limitTime } from '../time-limit.js'
import { checkWait } from '../wait.js'
import type { Task } from '../wait-graph.js'
import { AcquireContext } from './acquire-context.js'
import type { Held } from './held.js'
import { Reservation, reservationWwClass } from './reservation.js'

/** How several reservations are to be locked. */
export interface LockAllOptions extends WaitOptions {
  /** Who locks: for reports of deadlocks. @rule PORT-6 */
  readonly task?: Task | undefined
}

/** Several reservations that are locked together; disposing it unlocks them. */
export class HeldAll implements Disposable {
  /** What they are locked under. */
  readonly context: AcquireContext
  readonly #held: Map<Reservation, Held>

  /** Made by lockAll(). */
  constructor(context: AcquireContext, held: Map<Reservation, Held>) {
    this.context = context
    this.#held = held
  }

  /**
   * The proof that one of them is locked.
   *
   * @throws {DmaBufError} EINVAL for a reservation that is not among them
   */
  of(reservation: Reservation): Held {
    const held = this.#held.get(reservation)
    if (held !== undefined) return held
    throw new DmaBufError('EINVAL', 'HeldAll.of', 'This reservation was not locked with the others')
  }

  /** Unlocks all. Idempotent. @kernel drm_gem_unlock_reservations @rule WW-18 */
  release(): void {
    releaseAll(this.#held)
    this.context.finish()
  }

  [Symbol.dispose](): void {
    this.release()
  }
}

/**
 * Locks several reservations at once, in the order they are given, and backs off by itself where an older
 * attempt is in the way. The same one may be given several times. Where it fails nothing stays locked.
 *
 * @kernel drm_gem_lock_reservations
 * @rule VG-3, RESV-37, WW-14, WW-18
 * @param options - `timeoutMs` is for all of them together
 * @throws {DmaBufError} EINTR: the signal was aborted; ETIMEDOUT; EINVAL for a destroyed one
 */
export async function lockAll(
  reservations: Iterable<Reservation>,
  options: LockAllOptions = {},
): Promise<HeldAll> {
  const list = [...reservations]
  checkWait({ timeoutMs: options.timeoutMs })
  for (const one of list)
    if (!(one instanceof Reservation))
      throw new TypeError('lockAll takes reservations, of this copy of the package')
  const context = new AcquireContext(reservationWwClass, { task: options.task })
  const held = new Map<Reservation, Held>()
  const waiting = limitTime<WaitOptions>({ signal: options.signal, timeoutMs: options.timeoutMs })
  try {
    let contended = await lockEach(list, { context, held, waiting })
    while (contended !== undefined) {
      releaseAll(held)
      held.set(contended, await contended.lockSlow(context, waiting()))
      contended = await lockEach(list, { context, held, waiting })
    }
    context.done()
    return new HeldAll(context, held)
  } catch (error) {
    releaseAll(held)
    context.finish()
    throw error
  }
}

interface Attempt {
  readonly context: AcquireContext
  readonly held: Map<Reservation, Held>
  /** How the next wait is to wait. */
  readonly waiting: () => WaitOptions
}

/** Locks what is not held yet. @returns the one for which all others must be released */
async function lockEach(
  list: readonly Reservation[],
  { context, held, waiting }: Attempt,
): Promise<Reservation | undefined> {
  for (const reservation of list) {
    // Given twice, or the contended one of before: the lock itself would say EALREADY.
    if (held.has(reservation)) continue
    try {
      held.set(reservation, await reservation.lock({ context, ...waiting() }))
    } catch (error) {
      if (DmaBufError.is(error, 'EDEADLK')) return reservation
      throw error
    }
  }
  return undefined
}

function releaseAll(held: Map<Reservation, Held>): void {
  for (const one of held.values()) one.release()
  held.clear()
}
