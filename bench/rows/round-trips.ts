// Rows 1 to 3: how long it takes until the other process has answered.
import { compilePeer } from '../machine.js'
import type { Measurement } from '../measurement.js'
import { nodeCommand, type Effort } from '../side.js'
import { compare, ratio, sayMicroseconds, type Derived } from './comparisons.js'

const SMALL = '64'
const LARGE = String(3840 * 2160 * 4)
const C_EPOLL = 'C eventfd + epoll'
const C_FUTEX = 'C futex'

function against(
  id: string,
  what: string,
  options: { names: [string, string]; atMost: number },
): Derived {
  const { names, atMost } = options
  const [above, below] = names
  return {
    id,
    what,
    unit: 'times',
    target: { atMost },
    names,
    derive: ratio(above, below),
    say: sayMicroseconds,
  }
}

/** A frame there and a frame back, against C that only wakes. */
export async function frameRoundTrips(effort: Effort): Promise<readonly Measurement[]> {
  const contenders = [
    { name: C_EPOLL, command: [compilePeer('wake'), 'epoll'] },
    { name: 'subscribe 64 B', command: nodeCommand('frame-echo', 'first', 'subscribe', SMALL) },
    { name: 'subscribe 33 MB', command: nodeCommand('frame-echo', 'first', 'subscribe', LARGE) },
    { name: 'for await 64 B', command: nodeCommand('frame-echo', 'first', 'iterate', SMALL) },
    { name: 'for await 33 MB', command: nodeCommand('frame-echo', 'first', 'iterate', LARGE) },
  ]
  const rows = [
    against(
      'subscribe-64',
      'Round trip, subscribe(), bytes untouched, 64 B, against C eventfd + epoll',
      {
        names: ['subscribe 64 B', C_EPOLL],
        atMost: 2.4,
      },
    ),
    against('subscribe-33m', 'The same, 33 MB', {
      names: ['subscribe 33 MB', C_EPOLL],
      atMost: 2.4,
    }),
    against(
      'iterate-64',
      'Round trip, for await, bytes touched on both sides, 64 B, against C eventfd + epoll',
      {
        names: ['for await 64 B', C_EPOLL],
        atMost: 4,
      },
    ),
    against('iterate-33m', 'The same, 33 MB', { names: ['for await 33 MB', C_EPOLL], atMost: 4 }),
    against('subscribe-size', 'Round trip, subscribe(), 33 MB against 64 B', {
      names: ['subscribe 33 MB', 'subscribe 64 B'],
      atMost: 1.2,
    }),
    against('iterate-size', 'Round trip, for await, 33 MB against 64 B', {
      names: ['for await 33 MB', 'for await 64 B'],
      atMost: 1.2,
    }),
  ]
  return compare(contenders, rows, effort)
}

/** Two timelines, both sides blocked in between, against C that does the same with two words. */
export async function blockingRoundTrips(effort: Effort): Promise<readonly Measurement[]> {
  const contenders = [
    { name: C_FUTEX, command: [compilePeer('wake'), 'futex'] },
    { name: 'waitSync', command: nodeCommand('timeline-echo', 'first') },
  ]
  const row = against('blocking', 'Blocking round trip, waitSync(), against C futex', {
    names: ['waitSync', C_FUTEX],
    atMost: 1.7,
  })
  return compare(contenders, [row], effort)
}
