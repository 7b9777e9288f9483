// What reservations and their locks cost in one process.
import type { Measurement, Target } from '../measurement.js'
import type { Effort } from '../side.js'
import { figureOf, ratioOf } from '../statistics.js'
import { timeKinds } from './in-turn.js'

interface Operation {
  readonly name: string
  readonly what: string
  readonly target?: Target
}

const OPERATIONS: readonly Operation[] = [
  {
    name: 'reservation-add',
    what: 'Reservation of 8 fences: add() of one that takes over a slot, and isSignaled()',
    target: { atMost: 300 },
  },
  { name: 'reservation-empty', what: 'isSignaled() without fences', target: { atMost: 10 } },
  { name: 'reservation-signaled', what: 'isSignaled() past 8 fences that only keep books' },
  { name: 'reservation-trylock', what: 'tryLock() and release()', target: { atMost: 50 } },
  { name: 'reservation-lock', what: 'await lock() of a free reservation, and release()' },
  { name: 'resolved-promise', what: 'For comparison: await of a resolved promise' },
]

/** Times the operations in turn, and the lock against an awaited promise. */
export async function reservationCosts(effort: Effort): Promise<readonly Measurement[]> {
  const names = OPERATIONS.map(({ name }) => name)
  const rounds = await timeKinds('reservations', names, effort)
  const detail = `median of batches of 1000, ${effort.rounds} rounds`
  const rows = OPERATIONS.map(({ name, what, target }) => {
    return { id: name, what, unit: 'ns', target, oneCore: figureOf(rounds(name)), detail }
  }) satisfies readonly Measurement[]
  return [...rows, lockRatio(rounds('reservation-lock'), rounds('resolved-promise'))]
}

function lockRatio(lock: readonly number[], promise: readonly number[]): Measurement {
  return {
    id: 'reservation-lock-ratio',
    what: 'await lock() and release(), times the await of a resolved promise',
    unit: 'times',
    target: { atMost: 1.8 },
    oneCore: ratioOf(lock, promise),
    detail: `of the two rows above, ${lock.length} rounds`,
  }
}
