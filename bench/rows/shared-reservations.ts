// What reservations cost that processes share: alone, beside a local one, and from one process to the other.
import { compilePeer } from '../machine.js'
import type { Measurement } from '../measurement.js'
import { nodeCommand, type Effort } from '../side.js'
import { figureOf, ratioOf } from '../statistics.js'
import { compare, ratio, sayMicroseconds } from './comparisons.js'
import { timeKinds, type Rounds } from './in-turn.js'

const MEMBERS = [1, 3, 7] as const
const MOST = 7

const OPERATIONS = [
  { name: 'try', what: 'Reservation, tryLock() and release()' },
  { name: 'lock', what: 'Reservation, await lock() and release()' },
  {
    name: 'add',
    what: 'Reservation, tryLock(), reserve(), add() of a fence, release() and signal()',
  },
  {
    name: 'look',
    what: 'Reservation, isSignaled() with one pending fence, which another member added',
  },
] as const

/** Nobody else wants the lock; then two processes that always want it. */
export async function sharedReservationCosts(effort: Effort): Promise<readonly Measurement[]> {
  const kinds = OPERATIONS.flatMap(({ name }) => [0, ...MEMBERS].map((many) => `${name}:${many}`))
  const rounds = await timeKinds('shared-reservations', kinds, effort)
  const alone = OPERATIONS.flatMap(({ name, what }) => rowsOf(name, what, rounds))
  return [...alone, ...(await handOvers(effort))]
}

function rowsOf(name: string, what: string, rounds: Rounds): readonly Measurement[] {
  const [none, one, most] = [0, 1, MOST].map((many) => rounds(`${name}:${many}`)) as Triple
  const medians = [0, ...MEMBERS].map((many) => {
    const where = many === 0 ? 'not shared' : `${many}`
    return `${where}: ${figureOf(rounds(`${name}:${many}`)).median.toFixed(0)} ns`
  })
  return [
    {
      id: `shared-${name}`,
      what: `${what}, nobody waits: shared with one other member, times not shared`,
      unit: 'times',
      oneCore: ratioOf(one, none),
      detail: `by other members: ${medians.join(', ')}`,
    },
    {
      id: `shared-${name}-growth`,
      what: 'The same, shared with 7 others, times one',
      unit: 'times',
      target: { atMost: MOST },
      oneCore: ratioOf(most, one),
      detail: 'of the row above',
    },
  ]
}

type Triple = [readonly number[], readonly number[], readonly number[]]

const OURS = 'await lock()'
const C_MUTEX = 'C mutex'
const C_EPOLL = 'C eventfd + epoll'

function handOvers(effort: Effort): Promise<readonly Measurement[]> {
  const contenders = [
    { name: OURS, command: nodeCommand('lock-echo', 'first') },
    { name: C_MUTEX, command: [compilePeer('wake'), 'mutex'] },
    { name: C_EPOLL, command: [compilePeer('wake'), 'epoll'] },
  ]
  const row = (id: string, what: string, against: string) => {
    const names = [OURS, against] as const
    const derive = ratio(...names)
    return { id, what, unit: 'times' as const, names, derive, say: sayMicroseconds }
  }
  const rows = [
    row(
      'shared-lock-hand-over',
      'Locks that two processes hand to each other, there and back, await lock(), against robust mutexes in C',
      C_MUTEX,
    ),
    row('shared-lock-epoll', 'The same, against C eventfd + epoll', C_EPOLL),
  ]
  return compare(contenders, rows, effort)
}
