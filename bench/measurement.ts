// What a row of the table holds.
import type { Figure } from './statistics.js'

/**
 * What a figure counts: times as long, microseconds, nanoseconds, frames a second, bytes, system calls for one operation;
 * things that the row names.
 */
export type Unit = 'times' | 'us' | 'ns' | 'fps' | 'bytes' | 'calls' | 'count'

/** What a figure has to be, where that is promised. */
export type Target = { readonly atMost: number } | { readonly atLeast: number } | undefined

/** A place in a table of its own. */
export interface Cell {
  readonly table: string
  readonly row: string
  readonly column: string
  /** How its table is drawn: a dot for each, a line of the picture a row; lines over the columns where absent. */
  readonly chart?: 'dots'
}

/** One figure, with where it comes from. */
export interface Measurement {
  /** For --filter, and for programs that read the JSON. */
  readonly id: string
  readonly what: string
  readonly unit: Unit
  /** Both sides on one core; undefined where it could not be measured, and `detail` says why. */
  readonly oneCore: Figure | undefined
  /** The same with a core for each side. */
  readonly twoCores?: Figure
  readonly target?: Target
  /** What the target is for, where that is not one core. */
  readonly judged?: 'two cores'
  /** Its place where several measurements make a table of their own. */
  readonly cell?: Cell
  /** What was measured to find it, in words. */
  readonly detail: string
}

/** Whether a figure is what was promised; undefined where nothing was. */
export function isMet(measurement: Measurement): boolean | undefined {
  const { oneCore, twoCores, target, judged } = measurement
  const figure = judged === 'two cores' ? twoCores : oneCore
  if (target === undefined || figure === undefined) return undefined
  const { median } = figure
  return 'atMost' in target ? median <= target.atMost : median >= target.atLeast
}
