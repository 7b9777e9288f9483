// A frame there and a frame back through what programs use for that today, between processes and between threads:
// a table of four sizes.
import { startIceoryx } from '../peers/iceoryx.js'
import { findZeroMq } from '../peers/zeromq.js'
import type { Measurement } from '../measurement.js'
import { nodeCommand, type Effort } from '../side.js'
import { figureOf } from '../statistics.js'
import { compare, ratio, sayMicroseconds, type Derived } from './comparisons.js'
import type { Contender } from './in-turn.js'

const OURS = 'dmabuf queue, callback'
const ICEORYX = 'iceoryx WaitSet, C++'
const MAPPED = 'worker, queue of dmabuf/linux'
const SHARED = 'worker, queue of dmabuf/threads'
const TRANSFERRED = 'worker, postMessage, transferred'
const ZEROMQ = 'zeromq, ipc://'

const SIZES = [
  { id: '64', name: '64 B', bytes: 64 },
  { id: '4k', name: '4 KiB', bytes: 4096 },
  { id: '1m', name: '1 MiB', bytes: 1 << 20 },
  { id: '33m', name: '33 MB', bytes: 3840 * 2160 * 4 },
] as const
type Size = (typeof SIZES)[number]

/** Those that copy every byte have to be left behind by this much, from 1 MiB on. */
const WORKS = [
  { id: 'none', name: 'bytes untouched', atLeast: 20 },
  { id: 'all', name: 'every byte filled and searched', atLeast: 5 },
] as const
type WorkRow = (typeof WORKS)[number]

interface Transport {
  readonly id: string
  readonly name: string
  readonly copies: boolean
}

const TRANSPORTS: readonly Transport[] = [
  { id: 'queue', name: OURS, copies: false },
  { id: 'iceoryx', name: ICEORYX, copies: false },
  { id: 'mapped', name: MAPPED, copies: false },
  { id: 'shared', name: SHARED, copies: false },
  { id: 'transfer', name: TRANSFERRED, copies: false },
  { id: 'copy', name: 'worker, postMessage, copied', copies: true },
  { id: 'zeromq', name: ZEROMQ, copies: true },
  { id: 'onread', name: 'Unix stream with onread', copies: true },
  { id: 'stream', name: 'Unix stream, data events', copies: true },
  { id: 'ipc', name: 'child_process IPC, advanced', copies: true },
]

/** Peers that are not there, and how to get them. */
type Missing = ReadonlyMap<string, string>

/** All transports in all sizes; nobody looks at the bytes. */
export function untouchedExchanges(effort: Effort): Promise<readonly Measurement[]> {
  return exchangeTable(WORKS[0], effort)
}

/** The same; the sender fills them and the receiver searches them. */
export function touchedExchanges(effort: Effort): Promise<readonly Measurement[]> {
  return exchangeTable(WORKS[1], effort)
}

async function exchangeTable(work: WorkRow, effort: Effort): Promise<readonly Measurement[]> {
  const missing = new Map<string, string>()
  const zeromq = findZeroMq()
  if (zeromq.ready === undefined) missing.set('zeromq', zeromq.missing)
  else process.env['DMABUF_BENCH_ZEROMQ'] = zeromq.ready
  const iceoryx = await startIceoryx()
  if (iceoryx.ready === undefined) missing.set('iceoryx', iceoryx.missing)
  try {
    const measurements: Measurement[] = []
    for (const size of SIZES) {
      const contenders = TRANSPORTS.filter(({ id }) => !missing.has(id)).map((transport) =>
        contender(transport, work, { size, program: iceoryx.ready?.program ?? '' }),
      )
      measurements.push(...(await compare(contenders, rowsOf(work, size, missing), effort)))
    }
    return [...measurements, ...absences(work, missing)]
  } finally {
    await iceoryx.ready?.stop()
  }
}

function contender(
  { id, name }: Transport,
  work: WorkRow,
  { size, program }: { size: Size; program: string },
): Contender {
  const length = String(size.bytes)
  const command =
    id === 'iceoryx'
      ? [program, 'waitset', work.id, length]
      : nodeCommand('exchange', 'first', id, work.id, length)
  return { name, command }
}

function rowsOf(work: WorkRow, size: Size, missing: Missing): readonly Derived[] {
  const present = TRANSPORTS.filter(({ id }) => !missing.has(id))
  const cells = present.map(({ id, name }): Derived => {
    return {
      id: `exchange-${work.id}-${size.id}-${id}`,
      what: `There and back, ${work.name}, ${size.name}: ${name}`,
      unit: 'us',
      names: [],
      derive: (rounds) => figureOf(rounds(name).map((ns) => ns / 1000)),
      say: sayMicroseconds,
      cell: { table: `There and back, ${work.name}`, row: name, column: size.name },
    }
  })
  const copying = present
    .filter(({ copies }) => copies && size.bytes >= 1 << 20)
    .map(({ id, name }) => against(`${id}-ratio`, [name, OURS], { work, size, isTarget: true }))
  const threads = present
    .filter(({ name }) => (name === MAPPED || name === SHARED) && isTold(size))
    .map(({ id, name }) =>
      against(`${id}-ratio`, [name, TRANSFERRED], { work, size, isTarget: false }),
    )
  return [...cells, ...copying, ...threads]
}

/** Beside the table: a small frame and a large one. */
function isTold({ id }: Size): boolean {
  return id === '64' || id === '1m'
}

/** How many times as long the one takes as the other. */
function against(
  id: string,
  names: readonly [string, string],
  { work, size, isTarget }: { work: WorkRow; size: Size; isTarget: boolean },
): Derived {
  const [one, other] = names
  const than = other === OURS ? 'the queue' : other
  return {
    id: `exchange-${work.id}-${size.id}-${id}`,
    what: `There and back, ${work.name}, ${size.name}: ${one} takes, against ${than}`,
    unit: 'times',
    ...(isTarget ? { target: { atLeast: work.atLeast } } : {}),
    names,
    derive: ratio(one, other),
    say: sayMicroseconds,
  }
}

function absences(work: WorkRow, missing: Missing): readonly Measurement[] {
  return TRANSPORTS.filter(({ id }) => missing.has(id)).map(({ id, name }) => {
    const detail = missing.get(id)!
    return {
      id: `exchange-${work.id}-${id}-missing`,
      what: `There and back, ${work.name}: ${name}`,
      unit: 'us',
      oneCore: undefined,
      detail,
    }
  })
}
