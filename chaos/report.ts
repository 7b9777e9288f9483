/** Milliseconds, over all measured. */
export interface Percentiles {
  readonly p50: number
  readonly p99: number
  readonly max: number
  readonly count: number
}

/** What was there at the end and not at the start, in all surviving processes together. */
export interface Leaks {
  fds: number
  mappings: number
  buffers: number
  processes: number
}

/** One scenario. */
export interface ScenarioReport {
  readonly name: string
  readonly kills: number
  readonly seconds: number
  /** From the kill to the wake-up of who waited for the dead. */
  readonly resumeMs: Percentiles
  readonly leaked: Leaks
  readonly torn: number
  /** What broke a promise, in words. */
  readonly violations: readonly string[]
  /** Counts that say that something happened at all. */
  readonly counts: Readonly<Record<string, number>>
}

/** The whole run. */
export interface ChaosReport {
  readonly seed: number
  readonly kills: number
  readonly seconds: number
  readonly resumeMs: Percentiles
  readonly leaked: Leaks
  readonly torn: number
  readonly violations: number
  readonly scenarios: readonly ScenarioReport[]
  /** Scenarios that this machine cannot run, with the reason. */
  readonly skipped: Readonly<Record<string, string>>
}

/** Middle, last of a hundred, and worst, to a tenth of a millisecond. */
export function percentilesOf(values: readonly number[]): Percentiles {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (part: number): number =>
    Math.round((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0) * 10) /
    10
  return { p50: at(0.5), p99: at(0.99), max: at(1), count: sorted.length }
}

/** One line of a scenario, or of all. */
export function lineOf(
  name: string,
  one: Pick<ScenarioReport, 'kills' | 'resumeMs' | 'leaked' | 'torn'> & { violations: number },
): string {
  const { p50, p99, max, count } = one.resumeMs
  const resumed = count === 0 ? 'nobody waited' : `resumed in ${p50} ms (p99 ${p99}, max ${max})`
  const { fds, mappings, buffers, processes } = one.leaked
  return (
    `${name.padEnd(18)} ${String(one.kills).padStart(5)} kills   ${resumed}   ` +
    `leaked ${fds} fds, ${mappings} mappings, ${buffers} buffers, ${processes} processes   ` +
    `torn ${one.torn}   violations ${one.violations}`
  )
}
