// What fences of frames cost beside frames without, and what it takes to change the size of frames.
import type { Measurement } from '../measurement.js'
import type { Effort } from '../side.js'
import { figureOf, ratioOf } from '../statistics.js'
import { timeKinds } from './in-turn.js'

const FENCES = [
  { name: 'acquire', what: 'queue({ fence }) and a signal() once the consumer has it' },
  { name: 'release', what: 'release(fence) and a signal() after it' },
] as const

const RESIZES = [
  { name: 'resize-8192', what: '8 KiB' },
  { name: `resize-${3840 * 2160 * 4}`, what: '33 MB' },
] as const

/** Frames with one fence, against frames without; then a queue that is resized for every frame. */
export async function frameFenceCosts(effort: Effort): Promise<readonly Measurement[]> {
  const kinds = ['none', ...FENCES.map(({ name }) => name), ...RESIZES.map(({ name }) => name)]
  const rounds = await timeKinds('frame-fences', kinds, effort)
  const without = rounds('none')
  const ofFences = FENCES.map(({ name, what }): Measurement => {
    const values = rounds(name)
    const [ns, bareNs] = [values, without].map((one) => figureOf(one).median.toFixed(0))
    return {
      id: `frame-${name}-fence`,
      what: `A frame to one consumer, all in one process, nobody sleeps: ${what}; times without`,
      unit: 'times',
      oneCore: ratioOf(values, without),
      detail: `with ${ns} ns, without ${bareNs} ns`,
    }
  })
  const ofResizes = RESIZES.map(({ name, what }): Measurement => {
    return {
      id: `frame-${name}`,
      what: `resize() of a queue of 4 buffers to ${what} or half of it, and a frame of the new size to its consumer`,
      unit: 'us',
      oneCore: figureOf(rounds(name).map((ns) => ns / 1000)),
      detail: 'all in one process',
    }
  })
  return [...ofFences, ...ofResizes]
}
