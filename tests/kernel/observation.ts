// A table of observations: what a program does to a machine, what it sees, and what it has to see.
import type { Feature, Machine } from './machine.js'

/** Plain data: what was seen is written down and compared elsewhere. */
export type Value = number | string | boolean | readonly Value[]

/** One thing that was looked at. */
export interface Sight {
  readonly what: string
  readonly got: Value
  readonly expected: Value
}

/** Notes what was seen, and what has to be. */
export type See = (what: string, got: Value, expected: Value) => void

export interface Observation {
  /** With the rules it shows: `ALLOC refuses what it does not know [HEAP-9]`. */
  readonly name: string
  /** What the machine must have; others leave it out. */
  readonly needs?: Feature
  observe(machine: Machine, see: See): Promise<void>
}

/** What one machine showed; undefined where it lacks what is needed. */
export async function sightsOf(
  observation: Observation,
  machine: Machine,
): Promise<readonly Sight[] | undefined> {
  const { needs } = observation
  if (needs !== undefined && !machine.features.has(needs)) return undefined
  const sights: Sight[] = []
  await observation.observe(machine, (what, got, expected) => sights.push({ what, got, expected }))
  return sights
}
