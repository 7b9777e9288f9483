// What it costs that a device maps a buffer, in one process.
import type { Measurement, Target } from '../measurement.js'
import type { Effort } from '../side.js'
import { figureOf } from '../statistics.js'
import { timeKinds } from './in-turn.js'

interface Operation {
  readonly name: string
  readonly what: string
  readonly target?: Target
}

const OPERATIONS: readonly Operation[] = [
  {
    name: 'attach-map',
    what: 'attach(), map(), unmap() and detach() of a device, each awaited',
    target: { atMost: 3000 },
  },
  { name: 'map-unmap', what: 'map() and unmap() of an attached device' },
  { name: 'map-cached', what: 'map() of a mapping that is cached', target: { atMost: 300 } },
]

/** Times the operations in turn. */
export async function attachmentCosts(effort: Effort): Promise<readonly Measurement[]> {
  const names = OPERATIONS.map(({ name }) => name)
  const rounds = await timeKinds('attachments', names, effort)
  const detail = `median of batches of 1000, ${effort.rounds} rounds`
  return OPERATIONS.map(({ name, what, target }) => {
    return { id: name, what, unit: 'ns', target, oneCore: figureOf(rounds(name)), detail }
  })
}
