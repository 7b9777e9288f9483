// What shared timelines cost where there are many: one wake-up for a signal, and no look at the others.
import { text } from 'node:stream/consumers'
import { hasProgram } from '../machine.js'
import type { Measurement } from '../measurement.js'
import { nodeCommand, startTracked, type Effort } from '../side.js'
import { countSystemCalls } from '../system-calls.js'
import { compare, ratio, sayMicroseconds, type Derived } from './comparisons.js'
import { placements } from '../machine.js'
import { ratioOf, figureOf, type Figure } from '../statistics.js'
import { timeInTurn, type Contender } from './in-turn.js'

const FEW = 10
const SOME = 1000
const MANY = 10_000

/** A signal that is waited for, one that is not, and what is held, with 10 timelines and with 10,000. */
export async function timelineCosts(effort: Effort): Promise<readonly Measurement[]> {
  return [...(await trips(effort)), await signals(effort), await wakeUps(), await holdings()]
}

function contendersOf(what: 'trips' | 'signals'): readonly Contender[] {
  return [FEW, SOME, MANY].map((many) => {
    return { name: String(many), command: nodeCommand('timelines', 'first', what, String(many)) }
  })
}

async function trips(effort: Effort): Promise<readonly Measurement[]> {
  const rows = [SOME, MANY].map((many): Derived => {
    const names = [String(many), String(FEW)] as const
    const what = `Round trip, signal() and await wait(), each time of another one of ${many} shared timelines, times one of ${FEW}`
    return {
      id: `timelines-trip-${many}`,
      what,
      unit: 'times',
      target: { atMost: 1.5 },
      names,
      derive: ratio(...names),
      say: sayMicroseconds,
    }
  })
  return compare(contendersOf('trips'), rows, effort)
}

async function signals(effort: Effort): Promise<Measurement> {
  const [placement] = placements()
  const rounds = await timeInTurn(contendersOf('signals'), placement!, effort)
  const medians = [FEW, SOME, MANY].map(
    (many) => `${many}: ${figureOf(rounds(String(many))).median.toFixed(0)} ns`,
  )
  return {
    id: `timelines-signal-${MANY}`,
    what: `signal() of ten of ${MANY} shared timelines while another one is waited for, times ten of ${FEW}`,
    unit: 'times',
    target: { atMost: 1.5 },
    oneCore: ratioOf(rounds(String(MANY)), rounds(String(FEW))),
    detail: `a signal by timelines: ${medians.join(', ')}`,
  }
}

const TRIPS = 2000

function once(many: number, count: number): readonly string[] {
  const { other } = placements().at(-1)!
  return nodeCommand('timelines', 'first', 'trips', String(many), other, String(count))
}

/** Every signal of the round trips is waited for: as many doorbells are rung as there are signals. */
async function wakeUps(): Promise<Measurement> {
  const row = {
    id: `timelines-wake-ups-${MANY}`,
    what: `Writes for a signal that is waited for, of one of ${MANY} shared timelines`,
    unit: 'calls' as const,
  }
  if (!hasProgram('strace'))
    return { ...row, oneCore: undefined, detail: 'strace is not installed' }
  const none = await countSystemCalls(once(MANY, 0), 'write')
  const all = await countSystemCalls(once(MANY, TRIPS), 'write')
  const detail = `${all} in a run with ${TRIPS} signals, ${none} in a run with none`
  return { ...row, target: { atMost: 1.05 }, oneCore: exactly((all - none) / TRIPS), detail }
}

async function holdings(): Promise<Measurement> {
  const few = await countHoldings(FEW)
  const many = await countHoldings(MANY)
  const more = many.reduce((sum, value, index) => sum + Math.max(0, value - few[index]!), 0)
  return {
    id: `timelines-holdings-${MANY}`,
    what: `Descriptors and mappings of both processes that ${MANY} shared timelines take beyond those of ${FEW}`,
    unit: 'count',
    target: { atMost: 0 },
    oneCore: exactly(more),
    detail: [sayHoldings(FEW, few), sayHoldings(MANY, many)].join('; '),
  }
}

/** Descriptors and mappings of the owner, then of the other process. */
async function countHoldings(many: number): Promise<readonly number[]> {
  const line = await text(startTracked(once(many, 1)).stdout!)
  const counts = line.trim().split(' ').map(Number)
  if (counts.length !== 4 || !counts.every((count) => count > 0))
    throw new Error(`Nothing was counted: ${line}`)
  return counts
}

function sayHoldings(
  many: number,
  [fds, mappings, theirFds, theirMappings]: readonly number[],
): string {
  return `${many}: ${fds} descriptors and ${mappings} mappings, ${theirFds} and ${theirMappings} in the other process`
}

function exactly(value: number): Figure {
  return { median: value, low: value, high: value }
}
