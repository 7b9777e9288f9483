// What each further consumer of a queue costs.
import type { Measurement } from '../measurement.js'
import { nodeCommand, type Effort } from '../side.js'
import { placements } from '../machine.js'
import { figureOf, ratioOf } from '../statistics.js'
import { timeInTurn } from './in-turn.js'

const COUNTS = [1, 2, 4, 8, 16] as const
const MOST = 16

/** A frame for 1 to 16 consumers: it must not cost more than as many frames for one. */
export async function handoffCosts(effort: Effort): Promise<readonly Measurement[]> {
  return [
    ...(await costs(
      'one',
      'A frame through a queue of 64 buffers, all ends in one process, nobody sleeps',
      effort,
    )),
    ...(await costs(
      'two',
      'A frame of a stream through a queue of 64 buffers to another process, by callback',
      effort,
    )),
  ]
}

async function costs(
  where: 'one' | 'two',
  what: string,
  effort: Effort,
): Promise<readonly Measurement[]> {
  const [placement] = placements()
  const contenders = COUNTS.map((count) => {
    return { name: String(count), command: nodeCommand('handoffs', 'first', where, String(count)) }
  })
  const rounds = await timeInTurn(contenders, placement!, effort)
  const medians = COUNTS.map(
    (count) => `${count}: ${figureOf(rounds(String(count))).median.toFixed(0)} ns`,
  )
  return [
    {
      id: `handoffs-${where}`,
      what: `${what}: for 16 consumers, times that for one`,
      unit: 'times',
      oneCore: ratioOf(rounds(String(MOST)), rounds('1')),
      target: { atMost: MOST },
      detail: `a frame by consumers: ${medians.join(', ')}`,
    },
  ]
}
