// Rows 5 to 8: what single operations cost in one process, and how many system calls they make.
import { hasProgram } from '../machine.js'
import type { Measurement, Target, Unit } from '../measurement.js'
import { nodeCommand, type Effort } from '../side.js'
import { figureOf } from '../statistics.js'
import { countSystemCalls } from '../system-calls.js'
import { timeKinds } from './in-turn.js'

interface Operation {
  readonly name: string
  readonly what: string
  readonly unit: Unit
  readonly target?: Target
  /** Whether strace is to count its system calls. */
  readonly counted?: boolean
}

const OPERATIONS: readonly Operation[] = [
  {
    name: 'bracket-33m',
    what: 'Access bracket on 33 MB: begin, read a byte, end, its garbage included',
    unit: 'us',
    target: { atMost: 1.5 },
  },
  { name: 'bracket-4k', what: 'The same on 4 KiB', unit: 'us', target: { atMost: 1.5 } },
  { name: 'dequeue', what: 'tryDequeue() and cancel()', unit: 'ns', counted: true },
  {
    name: 'publish',
    what: 'tryDequeue() and queue() to a consumer that does not wait',
    unit: 'ns',
    counted: true,
  },
  {
    name: 'signal-shared',
    what: 'signal() of a shared timeline that nobody waits for',
    unit: 'ns',
    counted: true,
  },
  { name: 'fence-create', what: 'timeline.fence()', unit: 'ns' },
  { name: 'fence-signal', what: 'addCallback() and the signal() that calls it', unit: 'ns' },
  { name: 'fence-wait', what: 'wait(), signal() and the await', unit: 'ns' },
  { name: 'promise', what: 'For comparison: a bare Promise, resolved and awaited', unit: 'ns' },
]

/** Times the operations in turn, then counts the system calls of those that promise none. */
export async function operationCosts(effort: Effort): Promise<readonly Measurement[]> {
  const names = OPERATIONS.map(({ name }) => name)
  const rounds = await timeKinds('operations', names, effort)
  return OPERATIONS.map(({ name, what, unit, target }) => {
    const scale = unit === 'us' ? 1000 : 1
    const values = rounds(name).map((ns) => ns / scale)
    const detail = `median of batches of 100, ${values.length} rounds`
    return { id: name, what, unit, target, oneCore: figureOf(values), detail }
  })
}

const COUNTED = 100_000

/** The system calls of the main thread, as strace counts them. */
export async function systemCalls(): Promise<readonly Measurement[]> {
  const measurements: Measurement[] = []
  for (const { name, what, counted } of OPERATIONS) {
    if (counted !== true) continue
    const row = { id: `${name}-calls`, what: `System calls: ${what}`, unit: 'calls' as const }
    if (!hasProgram('strace')) {
      measurements.push({ ...row, oneCore: undefined, detail: 'strace is not installed' })
      continue
    }
    const none = await countSystemCalls(commandOf(name, 0))
    const many = await countSystemCalls(commandOf(name, COUNTED))
    const each = Math.max(0, many - none) / COUNTED
    const detail = `${many} in a run with ${COUNTED} operations, ${none} in a run with none`
    const oneCore = { median: each, low: each, high: each }
    measurements.push({ ...row, target: { atMost: 0.01 }, oneCore, detail })
  }
  return measurements
}

function commandOf(name: string, count: number): readonly string[] {
  return nodeCommand('operations', name, '', String(count))
}
