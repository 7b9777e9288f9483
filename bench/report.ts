// The table, for a terminal and for docs/performance.md. Both are written from the same measurements.
import type { Machine } from './machine.js'
import { isMet, type Measurement, type Unit } from './measurement.js'
import type { Figure } from './statistics.js'

/** Escape sequences, or nothing where they would be noise. */
export interface Paint {
  readonly good: (text: string) => string
  readonly bad: (text: string) => string
  readonly dim: (text: string) => string
}

/** Colours for a terminal; none for a file, or where NO_COLOR says so. */
export function paintFor(stream: { readonly isTTY?: boolean }): Paint {
  const on = stream.isTTY === true && (process.env['NO_COLOR'] ?? '') === ''
  const with_ = (code: number) => (text: string) => (on ? `\x1b[${code}m${text}\x1b[0m` : text)
  return { good: with_(32), bad: with_(31), dim: with_(2) }
}

function digits(value: number, unit: Unit): string {
  if (unit === 'calls') return value === 0 ? '0' : value.toFixed(5)
  if (unit === 'ns' || unit === 'fps' || unit === 'bytes' || unit === 'count')
    return value.toFixed(0)
  return value < 100 ? value.toFixed(2) : value.toFixed(0)
}

const SUFFIX: Readonly<Record<Unit, string>> = {
  times: ' ×',
  us: ' µs',
  ns: ' ns',
  fps: '/s',
  bytes: ' bytes',
  calls: ' per operation',
  count: '',
}

/** A figure with its spread: `2.31 × (2.28 to 2.36)`. */
function sayFigure(figure: Figure | undefined, unit: Unit): string {
  if (figure === undefined) return '-'
  const { median, low, high } = figure
  const spread = low === high ? '' : ` (${digits(low, unit)} to ${digits(high, unit)})`
  return `${digits(median, unit)}${SUFFIX[unit]}${spread}`
}

function sayTarget({ target, unit }: Measurement): string {
  if (target === undefined) return ''
  return 'atMost' in target
    ? `<= ${target.atMost}${SUFFIX[unit]}`
    : `>= ${target.atLeast}${SUFFIX[unit]}`
}

function sayVerdict(measurement: Measurement): string {
  const met = isMet(measurement)
  if (met === undefined) return ''
  return met ? 'met' : 'MISSED'
}

/** One measurement as two lines. */
export function textOf(measurement: Measurement, paint: Paint): string {
  const { what, unit, oneCore, twoCores, detail } = measurement
  const verdict = sayVerdict(measurement)
  const coloured = verdict === 'MISSED' ? paint.bad(verdict) : paint.good(verdict)
  const target = verdict === '' ? '' : `   ${sayTarget(measurement)}: ${coloured}`
  const beside = twoCores === undefined ? '' : `   two cores: ${sayFigure(twoCores, unit)}`
  return `${what}\n    ${sayFigure(oneCore, unit)}${target}${beside}\n    ${paint.dim(detail)}`
}

/** The machine and the run in one line. */
export function sayMachine({ cores, kernel, node, load }: Machine, took: number): string {
  const plural = cores === 1 ? 'core' : 'cores'
  return `${cores} ${plural}, ${kernel}, ${node}; load ${load.toFixed(1)} at the start, ${took.toFixed(0)} s`
}

/** All of it as the tables of docs/performance.md. */
export function markdownOf(measurements: readonly Measurement[]): string {
  const plain = measurements.filter(({ cell }) => cell === undefined)
  const tables = tablesOf(measurements).map(({ title, rows }) => {
    const [head = [], ...body] = rows
    const lines = [head, head.map(() => '---'), ...body].map((cells) => `| ${cells.join(' | ')} |`)
    return `${title}\n\n${lines.join('\n')}`
  })
  return [...(plain.length === 0 ? [] : [listOf(plain)]), ...tables].join('\n\n')
}

/** A table whose cells are measurements of their own. */
export interface CellTable {
  readonly title: string
  /** The head first. */
  readonly rows: readonly (readonly string[])[]
}

/** The tables that measurements make with their cells, one core and two, in microseconds. */
export function tablesOf(measurements: readonly Measurement[]): readonly CellTable[] {
  const cells = measurements.filter(({ cell }) => cell !== undefined)
  const titles = [...new Set(cells.map(({ cell }) => cell!.table))]
  return titles.flatMap((table) => {
    const inTable = cells.filter(({ cell }) => cell!.table === table)
    return [
      { title: `${table}, one core, µs`, rows: gridOf(inTable, ({ oneCore }) => oneCore) },
      { title: `${table}, two cores, µs`, rows: gridOf(inTable, ({ twoCores }) => twoCores) },
    ].filter(({ rows }) => rows.length > 1)
  })
}

function gridOf(
  cells: readonly Measurement[],
  figure: (measurement: Measurement) => Figure | undefined,
): readonly (readonly string[])[] {
  const measured = cells.filter((measurement) => figure(measurement) !== undefined)
  const rows = [...new Set(measured.map(({ cell }) => cell!.row))]
  const columns = [...new Set(measured.map(({ cell }) => cell!.column))]
  const body = rows.map((row) => {
    const inRow = measured.filter(({ cell }) => cell!.row === row)
    const medians = columns.map((column) => {
      const found = inRow.find(({ cell }) => cell!.column === column)
      return found === undefined ? '-' : sayMedian(figure(found)!.median)
    })
    return [row, ...medians]
  })
  return [['', ...columns], ...body]
}

function sayMedian(us: number): string {
  return us < 100 ? us.toFixed(1) : us.toFixed(0)
}

/** A table as aligned text. */
export function gridText({ title, rows }: CellTable): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const lines = rows.map((row) =>
    row
      .map((text, column) =>
        column === 0 ? text.padEnd(widths[0]!) : text.padStart(widths[column]! + 2),
      )
      .join(''),
  )
  return [title, ...lines.map((line) => `    ${line}`)].join('\n')
}

function listOf(measurements: readonly Measurement[]): string {
  const rows = measurements.map((measurement) => {
    const { what, unit, oneCore, twoCores, detail } = measurement
    const cells = [
      what,
      sayFigure(oneCore, unit),
      sayTarget(measurement),
      sayVerdict(measurement),
      twoCores === undefined ? '' : sayFigure(twoCores, unit),
      detail,
    ]
    return `| ${cells.join(' | ')} |`
  })
  const head = ['what', 'one core', 'target', '', 'two cores', 'medians behind it']
  return [`| ${head.join(' | ')} |`, `|${' --- |'.repeat(head.length)}`, ...rows].join('\n')
}
