// What a buffer costs beside a thousand others, and beside a hundred thousand.
import type { Measurement } from '../measurement.js'
import type { Effort } from '../side.js'
import { figureOf, ratioOf } from '../statistics.js'
import { timeKinds, type Rounds } from './in-turn.js'

const OPERATIONS: readonly { readonly name: string; readonly what: string }[] = [
  { name: 'buffer-export-1000', what: 'exportBuffer() and close() beside 1,000 buffers' },
  { name: 'buffer-export-100000', what: 'The same beside 100,000' },
  { name: 'buffer-find-1000', what: 'findBuffer() by inode and close(), among 1,000 buffers' },
  { name: 'buffer-find-100000', what: 'The same among 100,000' },
  { name: 'buffer-dup', what: 'dup() and close()' },
]

/** Times the operations in turn, and the crowded against the lonely. */
export async function bufferCosts(effort: Effort): Promise<readonly Measurement[]> {
  const names = OPERATIONS.map(({ name }) => name)
  const rounds = await timeKinds('buffers', names, effort)
  const detail = `median of batches of 1000, ${effort.rounds} rounds`
  const rows = OPERATIONS.map(({ name, what }) => {
    return { id: name, what, unit: 'ns', oneCore: figureOf(rounds(name)), detail }
  }) satisfies readonly Measurement[]
  return [
    ...rows,
    growthOf('buffer-export', 'exportBuffer() and close()', rounds),
    growthOf('buffer-find', 'findBuffer()', rounds),
  ]
}

function growthOf(id: string, what: string, rounds: Rounds): Measurement {
  const few = rounds(`${id}-1000`)
  return {
    id: `${id}-growth`,
    what: `${what} beside 100,000 buffers, times that beside 1,000`,
    unit: 'times',
    target: { atMost: 1.5 },
    oneCore: ratioOf(rounds(`${id}-100000`), few),
    detail: `of the two rows above, ${few.length} rounds`,
  }
}
