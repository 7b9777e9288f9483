// What it costs that a device maps a buffer, in one process.
import { placements } from '../machine.js'
import type { Measurement, Target } from '../measurement.js'
import { alternate, nodeCommand, Side, type Effort } from '../side.js'
import { figureOf } from '../statistics.js'

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
  const [placement] = placements()
  const sides: Side[] = []
  try {
    for (const { name } of OPERATIONS)
      sides.push(await Side.start(name, placement!, nodeCommand('attachments', name)))
    const timings = await alternate(sides, effort)
    const detail = `median of batches of 1000, ${effort.rounds} rounds`
    return OPERATIONS.map(({ name, what, target }, index) => {
      const oneCore = figureOf(timings[index]!.map(({ ns }) => ns))
      return { id: name, what, unit: 'ns', target, oneCore, detail }
    })
  } finally {
    for (const side of sides) await side.stop()
  }
}
