// What fences cost beside the promises that a program would use instead, in one process each.
import type { Measurement, Target, Unit } from '../measurement.js'
import type { Effort } from '../side.js'
import { figureOf, ratioOf } from '../statistics.js'
import { timeKinds } from './in-turn.js'

interface Row {
  readonly id: string
  readonly what: string
  readonly unit: Unit
  /** The kinds of bench/sides/fences.ts: the figure of the first, or it divided by the second. */
  readonly kinds: readonly [string] | readonly [string, string]
  readonly target?: Target
}

const ROWS: readonly Row[] = [
  {
    id: 'fence-callback',
    what: 'A fence, addCallback() and signalFence(), which reads the clock; times a Promise, then() and the await of its callback',
    unit: 'times',
    kinds: ['fences', 'awaited-promises'],
    target: { atMost: 0.7 },
  },
  {
    id: 'fence-callback-turn',
    what: 'The same, times promises whose callbacks run 100 a turn',
    unit: 'times',
    kinds: ['fences', 'promises'],
  },
  {
    id: 'fence-callback-time',
    what: 'The same where the creator gives the time, so that no clock is read',
    unit: 'times',
    kinds: ['fences-with-time', 'promises'],
  },
  {
    id: 'fence-wait-promise',
    what: 'A fence, wait(), signalFence() and the await; times a bare Promise, resolved and awaited',
    unit: 'times',
    kinds: ['fence-waits', 'promise-waits'],
  },
  {
    id: 'callback-growth',
    what: 'One of 100 000 callbacks of a fence, half of them taken back here and there, times one of 1 000',
    unit: 'times',
    kinds: ['callbacks-100000', 'callbacks-1000'],
    target: { atMost: 25 },
  },
  {
    id: 'fence-bytes',
    what: 'Memory of a pending fence with a callback, without the callback itself',
    unit: 'bytes',
    kinds: ['fence-bytes-100000'],
    target: { atMost: 200 },
  },
  {
    id: 'promise-bytes',
    what: 'For comparison: a pending Promise with then()',
    unit: 'bytes',
    kinds: ['promise-bytes-100000'],
  },
]

const MANY: readonly Row[] = [
  {
    id: 'fence-callback-million',
    what: '1 000 000 fences with a callback, pending at once, then all signalled; times as many promises',
    unit: 'times',
    kinds: ['pending-fences-1000000', 'pending-promises-1000000'],
    target: { atMost: 0.7 },
  },
  {
    id: 'fence-growth',
    what: 'One of 1 000 000 pending fences, times one of 1 000',
    unit: 'times',
    kinds: ['pending-fences-1000000', 'pending-fences-1000'],
  },
  {
    id: 'promise-growth',
    what: 'For comparison: one of 1 000 000 pending promises, times one of 1 000',
    unit: 'times',
    kinds: ['pending-promises-1000000', 'pending-promises-1000'],
  },
]

/** Single fences, and the memory of one. */
export function fenceCosts(effort: Effort): Promise<readonly Measurement[]> {
  return measure(ROWS, effort)
}

/** A million of them, pending at once. */
export function manyFences(effort: Effort): Promise<readonly Measurement[]> {
  return measure(MANY, effort)
}

// All kinds in turn, on one core.
async function measure(rows: readonly Row[], effort: Effort): Promise<readonly Measurement[]> {
  const kinds = [...new Set(rows.flatMap((row) => row.kinds as readonly string[]))]
  const rounds = await timeKinds('fences', kinds, effort)
  const valuesOf = (kind: string) => rounds(kind).map((ns) => ns / sizeOf(kind))
  return rows.map(({ kinds: [above, below], ...row }) => {
    const values = valuesOf(above)
    const others = below === undefined ? undefined : valuesOf(below)
    const oneCore = others === undefined ? figureOf(values) : ratioOf(values, others)
    const say = (name: string, of: readonly number[]): string =>
      `${name} ${figureOf(of).median.toFixed(0)} ${row.unit === 'bytes' ? 'bytes' : 'ns'}`
    const detail = [say(above, values), ...(others ? [say(below!, others)] : [])].join(', ')
    return { ...row, oneCore, detail }
  })
}

/** How many one operation of a kind does together. */
function sizeOf(kind: string): number {
  return Number(/-(\d+)$/.exec(kind)?.[1] ?? 1)
}
