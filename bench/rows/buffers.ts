// What a buffer costs beside a thousand others, and beside a hundred thousand.
import { placements } from '../machine.js'
import type { Measurement } from '../measurement.js'
import { alternate, nodeCommand, Side, type Effort } from '../side.js'
import { figureOf, ratioOf } from '../statistics.js'

const OPERATIONS: readonly { readonly name: string; readonly what: string }[] = [
  { name: 'buffer-export-1000', what: 'exportBuffer() and close() beside 1,000 buffers' },
  { name: 'buffer-export-100000', what: 'The same beside 100,000' },
  { name: 'buffer-find-1000', what: 'findBuffer() by inode and close(), among 1,000 buffers' },
  { name: 'buffer-find-100000', what: 'The same among 100,000' },
  { name: 'buffer-dup', what: 'dup() and close()' },
]

/** Times the operations in turn, and the crowded against the lonely. */
export async function bufferCosts(effort: Effort): Promise<readonly Measurement[]> {
  const [placement] = placements()
  const sides: Side[] = []
  try {
    for (const { name } of OPERATIONS)
      sides.push(await Side.start(name, placement!, nodeCommand('buffers', name)))
    const timings = await alternate(sides, effort)
    const values = timings.map((rounds) => rounds.map(({ ns }) => ns))
    const detail = `median of batches of 1000, ${effort.rounds} rounds`
    const rows = OPERATIONS.map(({ name, what }, index) => {
      return { id: name, what, unit: 'ns', oneCore: figureOf(values[index]!), detail }
    }) satisfies readonly Measurement[]
    const growth = [
      growthOf('buffer-export', 'exportBuffer() and close()', values[0]!, values[1]!),
      growthOf('buffer-find', 'findBuffer()', values[2]!, values[3]!),
    ]
    return [...rows, ...growth]
  } finally {
    for (const side of sides) await side.stop()
  }
}

function growthOf(
  id: string,
  what: string,
  few: readonly number[],
  many: readonly number[],
): Measurement {
  return {
    id: `${id}-growth`,
    what: `${what} beside 100,000 buffers, times that beside 1,000`,
    unit: 'times',
    target: { atMost: 1.5 },
    oneCore: ratioOf(many, few),
    detail: `of the two rows above, ${few.length} rounds`,
  }
}
