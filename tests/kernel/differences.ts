// Where our emulation differs from Linux 6.12, and why. Everything else is a defect.
import type { Feature } from './machine.js'
import type { Value } from './observation.js'

export interface Difference {
  readonly observation: string
  readonly what: string
  /** What the emulation shows. */
  readonly ours: Value
  readonly reason: string
}

export const differences: readonly Difference[] = []

/** Why a machine may lack what an observation needs. */
export const LACKING: Readonly<Record<Feature, string>> = {
  udmabuf: 'src/syscalls has no memfds, so it has no /dev/udmabuf either',
  sw_sync: "Debian's kernel is built without sw_sync: `npm run test:kernel -- --custom` has it",
}

export function differenceOf(observation: string, what: string): Difference | undefined {
  return differences.find((known) => known.observation === observation && known.what === what)
}
