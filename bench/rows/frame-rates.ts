// Row 4: 33 MB frames a second from one process to another, against what Node has for that.
import type { Measurement } from '../measurement.js'
import { nodeCommand, type Effort } from '../side.js'
import { figureOf } from '../statistics.js'
import { compare, ratio, sayFramesPerSecond, type Derived } from './comparisons.js'
import type { Contender } from './in-turn.js'

const TRANSPORTS = ['queue', 'socket', 'onread', 'ipc'] as const
const NAMES = {
  queue: 'frame queue',
  socket: 'Unix socket',
  onread: 'Unix socket with onread',
  ipc: 'IPC advanced',
} as const

function contenders(work: string): readonly Contender[] {
  return TRANSPORTS.map((transport) => ({
    name: NAMES[transport],
    command: nodeCommand('frame-rate', 'first', transport, work),
  }))
}

function speedup(
  id: string,
  what: string,
  options: { over: 'socket' | 'onread' | 'ipc'; atLeast?: number },
): Derived {
  const { over, atLeast } = options
  return {
    id,
    what,
    unit: 'times',
    target: atLeast === undefined ? undefined : { atLeast },
    names: [NAMES.queue, NAMES[over]],
    // Nanoseconds for a frame: the slower one is above.
    derive: ratio(NAMES[over], NAMES.queue),
    say: sayFramesPerSecond,
  }
}

function rate(id: string, what: string): Derived {
  return {
    id,
    what,
    unit: 'fps',
    names: [NAMES.queue],
    derive: (rounds) => figureOf(rounds(NAMES.queue).map((ns) => 1e9 / ns)),
    say: sayFramesPerSecond,
  }
}

/** Both sides touch every byte, at the speed of memory. */
export function touchedFrameRates(effort: Effort): Promise<readonly Measurement[]> {
  const rows = [
    rate('frames-touched', '33 MB frames a second, filled by one side and searched by the other'),
    speedup('frames-touched-socket', 'The same, times the rate of a Unix stream socket', {
      over: 'socket',
      atLeast: 5,
    }),
    speedup(
      'frames-touched-onread',
      'The same, times that socket with onread, which saves it a copy',
      {
        over: 'onread',
      },
    ),
    speedup('frames-touched-ipc', 'The same, times the rate of child_process IPC', {
      over: 'ipc',
      atLeast: 5,
    }),
  ]
  return compare(contenders('search'), rows, effort)
}

/** The consumer computes on every word: its own work is most of the time. */
export function summedFrameRates(effort: Effort): Promise<readonly Measurement[]> {
  const rows = [
    rate('frames-summed', '33 MB frames a second, filled, and summed by a loop of JavaScript'),
    speedup('frames-summed-socket', 'The same, times the rate of a Unix stream socket', {
      over: 'socket',
    }),
    speedup('frames-summed-ipc', 'The same, times the rate of child_process IPC', { over: 'ipc' }),
  ]
  return compare(contenders('sum'), rows, effort)
}

/** Nobody looks at a byte. */
export function carriedFrameRates(effort: Effort): Promise<readonly Measurement[]> {
  const rows = [
    rate('frames-carried', '33 MB frames a second, transport only'),
    speedup('frames-carried-socket', 'The same, times the rate of a Unix stream socket', {
      over: 'socket',
    }),
    speedup('frames-carried-ipc', 'The same, times the rate of child_process IPC', { over: 'ipc' }),
  ]
  return compare(contenders('none'), rows, effort)
}
