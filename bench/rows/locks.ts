// What the lock of a reservation costs: alone, beside an awaited promise, and with others who want it.
import type { Measurement, Target, Unit } from '../measurement.js'
import type { Effort } from '../side.js'
import { figureOf, ratioOf } from '../statistics.js'
import { timeKinds } from './in-turn.js'

interface Row {
  readonly id: string
  readonly what: string
  readonly unit: Unit
  /** The kinds of bench/sides/locks.ts: the figure of the first, or it divided by the second. */
  readonly kinds: readonly [string] | readonly [string, string]
  readonly target?: Target
}

const ROWS: readonly Row[] = [
  {
    id: 'lock-try',
    what: 'tryLock() and unlock() of a free lock',
    unit: 'ns',
    kinds: ['tries'],
    target: { atMost: 50 },
  },
  {
    id: 'lock-try-context',
    what: 'The same with an acquire context',
    unit: 'ns',
    kinds: ['tries-in-context'],
    target: { atMost: 50 },
  },
  {
    id: 'lock-await',
    what: 'await lock() with a context, and unlock(), of a free lock; times an awaited resolved Promise',
    unit: 'times',
    kinds: ['locks', 'resolved'],
    target: { atMost: 1.8 },
  },
  {
    id: 'lock-hand-over',
    what: 'A lock that two tasks want all the time, from one to the other',
    unit: 'ns',
    kinds: ['hand-overs'],
  },
  {
    id: 'lock-growth',
    what: 'One of 10 000 who queue for a lock, times one of 100',
    unit: 'times',
    kinds: ['waiters:10000', 'waiters:100'],
    target: { atMost: 4 },
  },
]

/** Runs every kind in turn, and compares those that belong together. */
export async function lockCosts(effort: Effort): Promise<readonly Measurement[]> {
  const kinds = [...new Set(ROWS.flatMap((row) => row.kinds))]
  const rounds = await timeKinds('locks', kinds, effort)
  return ROWS.map(({ id, what, unit, kinds: [above, below], target }) => {
    const values = rounds(above)
    const oneCore = below === undefined ? figureOf(values) : ratioOf(values, rounds(below))
    const detail = [above, below]
      .filter((kind) => kind !== undefined)
      .map((kind) => `${kind} ${figureOf(rounds(kind)).median.toFixed(1)} ns`)
      .join(', ')
    return { id, what, unit, target, oneCore, detail: `${detail}, ${values.length} rounds` }
  })
}
