// Rows in which two or more programs do the same, in turn: each is measured with both sides on one core and
// with a core for each.
import { placements, type Placement } from '../machine.js'
import type { Cell, Measurement, Target, Unit } from '../measurement.js'
import type { Effort } from '../side.js'
import { figureOf, ratioOf, type Figure } from '../statistics.js'
import { timeInTurn, type Contender, type Rounds } from './in-turn.js'

/** A figure to derive from the rounds of the contenders, by their names. */
export interface Derived {
  readonly id: string
  readonly what: string
  readonly unit: Unit
  readonly target?: Target
  /** The contenders compared, for the detail. */
  readonly names: readonly string[]
  readonly derive: (rounds: Rounds) => Figure
  /** One contender's nanoseconds for the detail, as words. */
  readonly say: (ns: number) => string
  readonly cell?: Cell
}

/** Measures all contenders in turn, in every placement. */
export async function compare(
  contenders: readonly Contender[],
  derived: readonly Derived[],
  effort: Effort,
): Promise<readonly Measurement[]> {
  const results: { placement: Placement; rounds: Rounds }[] = []
  for (const placement of placements())
    results.push({ placement, rounds: await timeInTurn(contenders, placement, effort) })
  return derived.map((row) => {
    const figures = results.map(({ rounds }) => {
      return { figure: row.derive(rounds), detail: detailOf(row, rounds) }
    })
    const { id, what, unit, target, cell } = row
    const details = figures.map(
      ({ detail }, index) => `${results[index]!.placement.name}: ${detail}`,
    )
    const measurement = { id, what, unit, target, oneCore: figures[0]?.figure }
    const twoCores = figures[1]?.figure
    return {
      ...measurement,
      ...(twoCores === undefined ? {} : { twoCores }),
      ...(cell === undefined ? {} : { cell }),
      detail: row.names.length === 0 ? '' : details.join('; '),
    }
  })
}

function detailOf({ names, say }: Derived, rounds: Rounds): string {
  return names.map((name) => `${name} ${say(figureOf(rounds(name)).median)}`).join(', ')
}

/** `above` divided by `below`, round by round. */
export function ratio(above: string, below: string): (rounds: Rounds) => Figure {
  return (rounds) => ratioOf(rounds(above), rounds(below))
}

/** Nanoseconds as microseconds. */
export function sayMicroseconds(ns: number): string {
  return `${(ns / 1000).toFixed(1)} µs`
}

/** Nanoseconds for a frame as frames a second. */
export function sayFramesPerSecond(ns: number): string {
  const fps = 1e9 / ns
  return `${fps < 1000 ? fps.toFixed(0) : `${(fps / 1000).toFixed(0)} k`}/s`
}
