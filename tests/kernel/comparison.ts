// Two machines side by side: what the kernel showed, and what ours shows.
import { isDeepStrictEqual } from 'node:util'
import type { Difference } from './differences.js'
import type { Value } from './observation.js'
import type { Seen, Shown } from './transcript.js'

/** Where the two differ. */
export interface Found {
  readonly case: string
  readonly what: string
  readonly kernel: Value | null
  readonly ours: Value | null
}

export interface Comparison {
  readonly cases: number
  readonly same: number
  readonly different: readonly Found[]
  readonly explained: readonly (Found & { readonly reason: string })[]
}

/** What is known of differences before anything is compared. */
export interface Known {
  readonly differences: readonly Difference[]
  /** Why a machine may lack all that a case needs. */
  lackOf(title: string): string | undefined
}

/** Compares two transcripts. A reason for a difference that is none any more is a difference as well. */
export function compare(kernel: Seen, ours: Seen, known: Known): Comparison {
  const titles = [...new Set([...Object.keys(kernel), ...Object.keys(ours)])]
  const found = titles.map((title) => foundIn(title, kernel[title], ours[title]))
  const all = found.flat()
  const reasons = all.map((one) => reasonFor(one, known))
  const stale = known.differences.filter(
    ({ observation, what }) => !all.some((one) => one.case === observation && nameIn(one) === what),
  )
  return {
    cases: titles.length,
    same: found.filter((list) => list.length === 0).length,
    different: [
      ...all.filter((_one, index) => reasons[index] === undefined),
      ...stale.map(({ observation, what, ours }) => ({
        case: observation,
        what: `${what}: has a reason, and is no difference`,
        kernel: ours,
        ours,
      })),
    ],
    explained: all.flatMap((one, index) => {
      const reason = reasons[index]
      return reason === undefined ? [] : [{ ...one, reason }]
    }),
  }
}

function foundIn(
  title: string,
  kernel: Shown | null | undefined,
  ours: Shown | null | undefined,
): readonly Found[] {
  if (kernel && ours) {
    const names = [...new Set([...Object.keys(kernel), ...Object.keys(ours)])]
    return names
      .filter((what) => !isDeepStrictEqual(kernel[what], ours[what]))
      .map((what) => ({
        case: title,
        what,
        kernel: kernel[what] ?? null,
        ours: ours[what] ?? null,
      }))
  }
  const word = (shown: Shown | null | undefined): Value =>
    shown === null ? 'lacks it' : shown === undefined ? 'was not asked' : 'has it'
  return [{ case: title, what: 'all of it', kernel: word(kernel), ours: word(ours) }]
}

function reasonFor(found: Found, { differences, lackOf }: Known): string | undefined {
  if (found.kernel === 'lacks it' || found.ours === 'lacks it') return lackOf(found.case)
  const known = differences.find(
    ({ observation, what }) => observation === found.case && what === nameIn(found),
  )
  return known !== undefined && isDeepStrictEqual(known.ours, found.ours) ? known.reason : undefined
}

/** Without its place in the order. */
function nameIn({ what }: Found): string {
  return what.replace(/^\d+ /, '')
}
