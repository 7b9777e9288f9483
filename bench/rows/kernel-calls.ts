// What rows about the kernel's calls have in common: the same done by a C program and by this package, in one run.
import { spawnSync } from 'node:child_process'
import { compilePeer, placements } from '../machine.js'
import type { Cell, Measurement, Target, Unit } from '../measurement.js'
import { nodeCommand, type Effort } from '../side.js'
import { figureOf, ratioOf, type Figure } from '../statistics.js'
import { timeInTurn, type Contender, type Rounds } from './in-turn.js'

/** Where a buffer comes from: the heap of the kernel called `system`, udmabuf, or a memfd. */
export type Source = 'heap' | 'udmabuf' | 'memfd'

/** Something that both sides do. */
export interface Call {
  readonly id: string
  readonly what: string
  readonly operation: string
  readonly source: Source
  readonly lengthBytes: number
  /** What this package does in its place; the same where absent, nothing where null. */
  readonly ours?: string | null
  /** Its row in the table of calls, and in the chart. */
  readonly row: string
  /** Where the calls of a table differ by size only: the table, and its column. */
  readonly size?: { readonly table: string; readonly column: string }
}

/** What is said of a call besides what it takes: how ours compares with C. */
export interface Comparison {
  readonly id: string
  readonly what: string
  readonly unit: Unit
  readonly target?: Target
  readonly compare: (ours: readonly number[], theirs: readonly number[]) => Figure
}

/** The table of those that do not come in sizes. */
const CALLS = 'Calls of the kernel'

/** Ours divided by C's. */
export function ratioTo(id: string, what: string, atMost?: number): Comparison {
  const target = atMost === undefined ? {} : { target: { atMost } }
  return { id, what, unit: 'times', ...target, compare: ratioOf }
}

/** Ours less C's, in microseconds. */
export function moreThan(id: string, what: string, atMost: number): Comparison {
  const compare = (ours: readonly number[], theirs: readonly number[]): Figure =>
    figureOf(ours.map((ns, round) => (ns - theirs[round]!) / 1000))
  return { id, what, unit: 'us', target: { atMost }, compare }
}

/** Times calls on both sides in turn; those that this machine does not have are rows that say why. */
export async function timeCalls(
  calls: readonly (readonly [Call, ...Comparison[]])[],
  effort: Effort,
): Promise<readonly Measurement[]> {
  const program = compilePeer('kernel')
  const reasons = new Map(calls.map(([call]) => [call.id, whyNot(program, call)]))
  const possible = calls.filter(([{ id }]) => reasons.get(id) === undefined)
  const contenders = possible.flatMap(([call]) => contendersOf(program, call))
  const [placement] = placements()
  const rounds = await timeInTurn(contenders, placement!, effort)
  return [
    ...possible.flatMap(([call, ...comparisons]) => rowsOf(call, comparisons, rounds)),
    ...missingRows(
      calls.map(([call]) => call),
      reasons,
    ),
  ]
}

/** One row for each reason, with all that is not measured because of it. */
function missingRows(
  calls: readonly Call[],
  reasons: ReadonlyMap<string, string | undefined>,
): readonly Measurement[] {
  const unique = new Set([...reasons.values()].filter((reason) => reason !== undefined))
  return [...unique].map((reason) => {
    const missing = calls.filter(({ id }) => reasons.get(id) === reason)
    const names = missing.map(({ row, size }) =>
      size === undefined ? row : `${size.table}, ${row}`,
    )
    const what = `Not measured: ${[...new Set(names)].join('; ')}`
    return { id: missing[0]!.id, what, unit: 'us', oneCore: undefined, detail: reason }
  })
}

/** Undefined where the C program can do it; else what it says. */
export function whyNot(
  program: string,
  { operation, source, lengthBytes }: Pick<Call, 'operation' | 'source' | 'lengthBytes'>,
): string | undefined {
  const args = [operation, source, String(lengthBytes), placements()[0]!.other]
  const { status, stderr } = spawnSync(program, args, { input: '', encoding: 'utf8' })
  if (status === 0) return undefined
  return `${stderr.trim()} (dmabuf doctor says what to do)`
}

function contendersOf(program: string, call: Call): readonly Contender[] {
  const { id, operation, source, lengthBytes, ours = operation } = call
  const args = [source, String(lengthBytes)]
  const theirs = { name: `C ${id}`, command: [program, operation, ...args] }
  if (ours === null) return [theirs]
  return [theirs, { name: `ours ${id}`, command: nodeCommand('kernel', ours, ...args) }]
}

function rowsOf(
  call: Call,
  comparisons: readonly Comparison[],
  rounds: Rounds,
): readonly Measurement[] {
  const { id, what, ours } = call
  const theirs = rounds(`C ${id}`)
  const own = ours === null ? undefined : rounds(`ours ${id}`)
  const cells = [
    ...(own === undefined ? [] : [cellOf(call, 'dmabuf', own)]),
    cellOf(call, 'C', theirs),
  ]
  const said = own === undefined ? '' : `, dmabuf ${sayMicroseconds(own)}`
  const detail = `C ${sayMicroseconds(theirs)}${said}`
  const compared = comparisons.map(({ compare, ...row }): Measurement => {
    return { ...row, what: `${what}: ${row.what}`, oneCore: compare(own!, theirs), detail }
  })
  return [...cells, ...compared]
}

function cellOf(call: Call, side: 'C' | 'dmabuf', ns: readonly number[]): Measurement {
  const { id, what, row, size } = call
  const cell: Cell =
    size === undefined
      ? { table: CALLS, row, column: side, chart: 'dots' }
      : { table: size.table, row: `${row}, ${side}`, column: size.column }
  const oneCore = figureOf(ns.map((value) => value / 1000))
  return { id: `${id}-${side}`, what: `${what}, ${side}`, unit: 'us', oneCore, cell, detail: '' }
}

function sayMicroseconds(ns: readonly number[]): string {
  const us = figureOf(ns).median / 1000
  return `${us.toFixed(us < 10 ? 2 : 1)} µs`
}
