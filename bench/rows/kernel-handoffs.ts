// Frames in memory of the kernel's heap, which devices can use, against frames in memfds.
import { compilePeer, placements } from '../machine.js'
import type { Measurement } from '../measurement.js'
import { nodeCommand, type Effort } from '../side.js'
import { figureOf, ratioOf } from '../statistics.js'
import { sayMicroseconds } from './comparisons.js'
import { timeInTurn, type Rounds } from './in-turn.js'
import { whyNot } from './kernel-calls.js'

const C_EPOLL = 'C eventfd + epoll'
const APIS = ['subscribe', 'iterate'] as const
const TITLES = {
  subscribe: 'subscribe(), bytes untouched',
  iterate: 'for await, bytes touched on both sides',
}
/** What is promised of memfds. */
const TIMES_C = { subscribe: 2.4, iterate: 4 }

/** A frame there and a frame back, with buffers of either kind, against C that only wakes. */
export async function kernelHandoffCosts(effort: Effort): Promise<readonly Measurement[]> {
  const reason = whyNot(compilePeer('kernel'), {
    operation: 'bracket',
    source: 'heap',
    lengthBytes: 4096,
  })
  if (reason !== undefined) {
    const what = 'Round trips of frames in memory of the system heap'
    return [{ id: 'kernel-handoffs', what, unit: 'times', oneCore: undefined, detail: reason }]
  }
  const contenders = [
    { name: C_EPOLL, command: [compilePeer('wake'), 'epoll'] },
    ...APIS.flatMap((api) =>
      (['memfd', 'heap'] as const).map((source) => {
        const command = nodeCommand('frame-echo', 'first', `${api}:${source}`, '4096')
        return { name: `${api} ${source}`, command }
      }),
    ),
  ]
  const [placement] = placements()
  const rounds = await timeInTurn(contenders, placement!, effort)
  return APIS.flatMap((api) => rowsOf(api, rounds))
}

function rowsOf(api: (typeof APIS)[number], rounds: Rounds): readonly Measurement[] {
  const what = `Round trip, ${TITLES[api]}, 4 KiB of the system heap`
  const names = [`${api} heap`, `${api} memfd`, C_EPOLL] as const
  const detail = names
    .map((name) => `${name} ${sayMicroseconds(figureOf(rounds(name)).median)}`)
    .join(', ')
  const [heap, memfd, c] = names.map(rounds)
  const row = { unit: 'times', detail } as const
  return [
    {
      ...row,
      id: `${api}-heap-memfd`,
      what: `${what}, times memfd`,
      oneCore: ratioOf(heap!, memfd!),
    },
    {
      ...row,
      id: `${api}-heap`,
      what: `${what}, against C eventfd + epoll`,
      oneCore: ratioOf(heap!, c!),
      target: { atMost: TIMES_C[api] },
    },
  ]
}
