// Round trips against iceoryx, asleep and polled, with a byte of each frame touched or none.
import { startIceoryx } from '../peers/iceoryx.js'
import { compilePeer, placements } from '../machine.js'
import type { Measurement } from '../measurement.js'
import { nodeCommand, type Effort } from '../side.js'
import { figureOf, ratioOf } from '../statistics.js'
import { compare, ratio, sayMicroseconds, type Derived } from './comparisons.js'
import { timeInTurn, type Contender } from './in-turn.js'

const SUBSCRIBE = 'subscribe'
const ITERATE = 'for await'
const WAITSET = 'WaitSet'
const WAITSET_BYTE = 'WaitSet, bytes touched'
const C_EPOLL = 'C eventfd + epoll'
const OURS_POLLED = 'tryReceive'
const ICEORYX_POLLED = 'iceoryx take'

/** Polled round trips of our own, and everything against iceoryx where that is installed. */
export async function iceoryxRoundTrips(effort: Effort): Promise<readonly Measurement[]> {
  const iceoryx = await startIceoryx()
  const { ready } = iceoryx
  if (ready === undefined) {
    const detail = iceoryx.missing
    const what = 'Round trips against iceoryx'
    const absent: Measurement = { id: 'iceoryx', what, unit: 'times', oneCore: undefined, detail }
    return [...(await polledInOne(effort)), ...(await polledAcross(effort)), absent]
  }
  try {
    return [
      ...(await asleep(effort, ready.program)),
      ...(await polledInOne(effort)),
      ...(await polledAcross(effort, ready.program)),
    ]
  } finally {
    await ready.stop()
  }
}

function row(id: string, what: string, names: [string, string], atMost?: number): Derived {
  const target = atMost === undefined ? undefined : { atMost }
  const derive = ratio(...names)
  return { id, what, unit: 'times', target, names, derive, say: sayMicroseconds }
}

async function asleep(effort: Effort, program: string): Promise<readonly Measurement[]> {
  const contenders: readonly Contender[] = [
    { name: C_EPOLL, command: [compilePeer('wake'), 'epoll'] },
    { name: WAITSET, command: [program, 'waitset', 'none', '64'] },
    { name: WAITSET_BYTE, command: [program, 'waitset', 'byte', '64'] },
    { name: SUBSCRIBE, command: nodeCommand('frame-echo', 'first', 'subscribe', '64') },
    { name: ITERATE, command: nodeCommand('frame-echo', 'first', 'iterate', '64') },
  ]
  const rows = [
    row(
      'iceoryx-callback',
      'Round trip, subscribe(), bytes untouched, 64 B, against a WaitSet of iceoryx in C++',
      [SUBSCRIBE, WAITSET],
      1,
    ),
    row(
      'iceoryx-iterate',
      'Round trip, for await, bytes touched on both sides, 64 B, against that',
      [ITERATE, WAITSET_BYTE],
      1.7,
    ),
    row('iceoryx-epoll', 'For comparison: that WaitSet against C eventfd + epoll', [
      WAITSET,
      C_EPOLL,
    ]),
  ]
  return compare(contenders, rows, effort)
}

async function polledInOne(effort: Effort): Promise<readonly Measurement[]> {
  const [placement] = placements()
  const command = nodeCommand('frame-poll', 'first', 'one')
  const rounds = await timeInTurn([{ name: OURS_POLLED, command }], placement!, effort)
  return [
    {
      id: 'polled',
      what: 'Round trip, tryReceive(), nobody sleeps, bytes untouched: both ends in one process, in turn',
      unit: 'us',
      oneCore: figureOf(rounds(OURS_POLLED).map((ns) => ns / 1000)),
      target: { atMost: 1 },
      detail: 'median of batches of 100',
    },
  ]
}

/** Each side spins, so each needs a core. */
async function polledAcross(effort: Effort, program?: string): Promise<readonly Measurement[]> {
  const [, placement] = placements()
  if (placement === undefined) return []
  const ours = { name: OURS_POLLED, command: nodeCommand('frame-poll', 'first', 'two') }
  const theirs =
    program === undefined
      ? []
      : [{ name: ICEORYX_POLLED, command: [program, 'poll', 'none', '64'] }]
  const rounds = await timeInTurn([ours, ...theirs], placement, effort)
  const oneCore = undefined
  const own: Measurement = {
    id: 'polled-two',
    what: 'The same, a process on each core, both spin',
    unit: 'us',
    oneCore,
    twoCores: figureOf(rounds(OURS_POLLED).map((ns) => ns / 1000)),
    detail: 'two processes that spin on one core wait for its clock',
  }
  if (program === undefined) return [own]
  const against: Measurement = {
    id: 'iceoryx-polled',
    what: 'The same, against a polling subscriber of iceoryx in C++',
    unit: 'times',
    oneCore,
    twoCores: ratioOf(rounds(OURS_POLLED), rounds(ICEORYX_POLLED)),
    target: { atMost: 1 },
    judged: 'two cores',
    detail: [OURS_POLLED, ICEORYX_POLLED]
      .map((name) => `${name} ${sayMicroseconds(figureOf(rounds(name)).median)}`)
      .join(', '),
  }
  return [own, against]
}
