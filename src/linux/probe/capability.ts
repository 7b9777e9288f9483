/** A part of the machine. */
export type CapabilityGroup =
  'machine' | 'memory' | 'heaps' | 'fences' | 'drm' | 'video' | 'debugging'

/** The parts of a machine, in the order in which they are told. */
export const CAPABILITY_GROUPS: readonly CapabilityGroup[] = [
  'machine',
  'memory',
  'heaps',
  'fences',
  'drm',
  'video',
  'debugging',
]

/** One thing that a machine offers, or refuses. */
export interface Capability {
  /** The same on every machine, but for the numbers of devices: `memfd`, `/dev/udmabuf`, `sync files`. */
  readonly name: string
  readonly group: CapabilityGroup
  readonly available: boolean
  /** What was found, in a few words: limits, drivers, versions, owners. */
  readonly detail: string
  /** Why it is not available; absent where it is. */
  readonly reason?: string
  /** What to do about it, where something can be done: commands for a shell, or a sentence. Several lines. */
  readonly fix?: string
}

/** What a probe found: available unless there is a reason why not. */
export interface Finding {
  readonly name: string
  readonly detail: string
  readonly reason?: string | undefined
  readonly fix?: string | undefined
}

/** A finding as users see it. */
export function capabilityOf(group: CapabilityGroup, finding: Finding): Capability {
  const { name, detail, reason, fix } = finding
  if (reason === undefined) return { name, group, available: true, detail }
  const refused = { name, group, available: false, detail, reason }
  return fix === undefined ? refused : { ...refused, fix }
}
