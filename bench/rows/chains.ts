// How chains of fences grow: a link of a long chain must not cost more than a link of a short one, beyond
// what memory makes dearer for any linked list.
import type { Measurement } from '../measurement.js'
import type { Effort } from '../side.js'
import { figureOf, ratioOf } from '../statistics.js'
import { timeKinds, type Rounds } from './in-turn.js'

const NAMES = ['chain-1000', 'chain-100000', 'list-1000', 'list-100000', 'merge-8'] as const

/** Times chains and lists of both lengths in turn, and merges. */
export async function chainCosts(effort: Effort): Promise<readonly Measurement[]> {
  return rowsOf(await timeKinds('chains', NAMES, effort))
}

function rowsOf(rounds: Rounds): Measurement[] {
  const growth = (kind: 'chain' | 'list'): readonly number[] => {
    const short = rounds(`${kind}-1000`)
    return rounds(`${kind}-100000`).map((ns, round) => ns / short[round]!)
  }
  const say = (values: readonly number[], unit: string): string =>
    `${figureOf(values).median.toFixed(1)}${unit}`
  const detail = NAMES.slice(0, 4)
    .map((name) => `${name} ${say(rounds(name), ' ns a link')}`)
    .join(', ')
  const link = 'build, walk, wait, signal and put a chain of 1000, a link'
  return [
    { id: 'chain-link', what: link, unit: 'ns', oneCore: figureOf(rounds('chain-1000')), detail },
    {
      id: 'chain-growth',
      what: 'A link of 100000 against one of 1000, less what a plain list grows by',
      unit: 'times',
      target: { atMost: 2 },
      oneCore: ratioOf(growth('chain'), growth('list')),
      detail: `chain ${say(growth('chain'), ' times')}, list ${say(growth('list'), ' times')}`,
    },
    {
      id: 'merge-8',
      what: 'mergeFences() of 8 contexts, and its put',
      unit: 'ns',
      oneCore: figureOf(rounds('merge-8')),
      detail: 'lives of 100 merges',
    },
  ]
}
