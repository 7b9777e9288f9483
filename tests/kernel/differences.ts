// Where our emulation differs from Linux 6.12, and why. Everything else is a defect.
import type { Value } from './observation.js'

export interface Difference {
  readonly observation: string
  readonly what: string
  /** What the emulation shows. */
  readonly ours: Value
  readonly reason: string
}

export const differences: readonly Difference[] = []

export function differenceOf(observation: string, what: string): Difference | undefined {
  return differences.find((known) => known.observation === observation && known.what === what)
}
