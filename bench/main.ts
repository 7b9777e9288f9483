// How fast it is: `npm run bench` here, `npx dmabuf bench` where the package is installed; explained in docs/performance.md. Targets that are missed are marked; they
// do not fail the run, since a busy machine is not a broken program.
import { accessSync, constants, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { chartOf } from './chart.js'
import { describeMachine, hasProgram, NotHere, type Machine } from './machine.js'
import { isMet, type Measurement } from './measurement.js'
import { gridText, markdownOf, paintFor, sayMachine, tablesOf, textOf } from './report.js'
import { fenceCosts, manyFences } from './rows/fences.js'
import { touchedExchanges, untouchedExchanges } from './rows/exchanges.js'
import { frameFenceCosts } from './rows/frame-fences.js'
import { handoffCosts } from './rows/handoffs.js'
import { iceoryxRoundTrips } from './rows/polled.js'
import { chainCosts } from './rows/chains.js'
import { carriedFrameRates, summedFrameRates, touchedFrameRates } from './rows/frame-rates.js'
import { kernelAccessCosts } from './rows/kernel-access.js'
import { kernelAllocationCosts } from './rows/kernel-allocations.js'
import { kernelFenceCosts } from './rows/kernel-fences.js'
import { kernelHandoffCosts } from './rows/kernel-handoffs.js'
import { lockCosts } from './rows/locks.js'
import { operationCosts, systemCalls } from './rows/operations.js'
import { timelineCosts } from './rows/timelines.js'
import { attachmentCosts } from './rows/attachments.js'
import { bufferCosts } from './rows/buffers.js'
import { reservationCosts } from './rows/reservations.js'
import { sharedReservationCosts } from './rows/shared-reservations.js'
import { blockingRoundTrips, frameRoundTrips } from './rows/round-trips.js'
import { stopAllSides, type Effort } from './side.js'

const USAGE = `Usage: dmabuf bench [options], in the repository npm run bench -- [options]
  --quick         fewer and shorter rounds
  --filter NAME   only groups whose name contains NAME
  --json          one JSON object instead of the table
  --markdown      the table of docs/performance.md
  --chart FILE    the tables of the groups exchanges-… and kernel-… as a picture as well, SVG
  --from FILE     nothing is measured: tables and chart of what --json has printed
Groups:`

interface Group {
  readonly name: string
  readonly run: (effort: Effort) => Promise<readonly Measurement[]>
  /** How much longer its rounds are than others: where one operation takes a tenth of a second. */
  readonly stretch?: number
  /** Divides its rounds: where there are very many to compare. */
  readonly fewer?: number
}

const GROUPS: readonly Group[] = [
  { name: 'round-trips', run: frameRoundTrips },
  { name: 'blocking', run: blockingRoundTrips },
  { name: 'timelines', run: timelineCosts, stretch: 0.5 },
  { name: 'iceoryx', run: iceoryxRoundTrips },
  { name: 'handoffs', run: handoffCosts, stretch: 0.5 },
  { name: 'frame-fences', run: frameFenceCosts },
  { name: 'exchanges-untouched', run: untouchedExchanges, stretch: 0.5, fewer: 2 },
  { name: 'exchanges-touched', run: touchedExchanges, stretch: 0.5, fewer: 2 },
  { name: 'frames-touched', run: touchedFrameRates, stretch: 2 },
  { name: 'frames-summed', run: summedFrameRates, stretch: 2 },
  { name: 'frames-carried', run: carriedFrameRates, stretch: 2 },
  { name: 'operations', run: operationCosts, stretch: 0.25 },
  { name: 'locks', run: lockCosts, stretch: 0.25 },
  { name: 'reservations', run: reservationCosts, stretch: 0.25 },
  { name: 'shared-reservations', run: sharedReservationCosts, stretch: 0.25 },
  { name: 'buffers', run: bufferCosts, stretch: 0.25 },
  { name: 'attachments', run: attachmentCosts, stretch: 0.25 },
  { name: 'fences', run: fenceCosts },
  { name: 'million-fences', run: manyFences },
  { name: 'chains', run: chainCosts },
  { name: 'system-calls', run: systemCalls },
  { name: 'kernel-access', run: kernelAccessCosts },
  { name: 'kernel-fences', run: kernelFenceCosts, stretch: 0.5 },
  { name: 'kernel-allocations', run: kernelAllocationCosts, stretch: 0.5 },
  { name: 'kernel-handoffs', run: kernelHandoffCosts },
]

const FULL = { rounds: 15, roundMs: 100 }
const QUICK = { rounds: 5, roundMs: 30 }

function say(text: string): void {
  process.stderr.write(`${text}\n`)
}

function stopOn(signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP', number: number): void {
  process.once(signal, () => {
    stopAllSides()
    process.exit(128 + number)
  })
}

async function run(groups: readonly Group[], base: Effort): Promise<readonly Measurement[]> {
  const measurements: Measurement[] = []
  for (const { name, run: measure, stretch = 1, fewer = 1 } of groups) {
    const started = performance.now()
    const rounds = Math.ceil(base.rounds / fewer)
    const found = await orWhyNot(name, measure({ rounds, roundMs: base.roundMs * stretch }))
    const missed = found.filter((one) => isMet(one) === false).length
    const note = missed === 0 ? '' : `, ${missed} missed`
    say(`${name}: ${((performance.now() - started) / 1000).toFixed(1)} s${note}`)
    measurements.push(...found)
  }
  return measurements
}

/** What a group found; one row that says why where it cannot be measured here. */
async function orWhyNot(
  name: string,
  found: Promise<readonly Measurement[]>,
): Promise<readonly Measurement[]> {
  try {
    return await found
  } catch (error) {
    if (!(error instanceof NotHere)) throw error
    const what = `The group ${name}`
    return [{ id: name, what, unit: 'count', oneCore: undefined, detail: error.message }]
  }
}

/** What a run found: what --json prints. */
interface Results {
  readonly machine: Machine
  readonly seconds: number
  readonly measurements: readonly Measurement[]
}

async function measure(groups: readonly Group[], effort: Effort): Promise<Results> {
  const machine = describeMachine()
  const started = performance.now()
  const measurements = await run(groups, effort)
  return { machine, seconds: (performance.now() - started) / 1000, measurements }
}

function print(
  { machine, seconds, measurements }: Results,
  how: 'text' | 'markdown' | 'json',
): void {
  if (how === 'json') {
    const rows = measurements.map((one) => ({ ...one, met: isMet(one) }))
    process.stdout.write(`${JSON.stringify({ machine, seconds, measurements: rows }, null, 2)}\n`)
    return
  }
  if (how === 'markdown') process.stdout.write(`${markdownOf(measurements)}\n\n`)
  else {
    const paint = paintFor(process.stdout)
    for (const one of measurements)
      if (one.cell === undefined) process.stdout.write(`${textOf(one, paint)}\n`)
    for (const table of tablesOf(measurements)) process.stdout.write(`${gridText(table)}\n`)
  }
  process.stdout.write(`${sayMachine(machine, seconds)}\n`)
}

function resultsIn(path: string): Results {
  const text = readFileSync(path, 'utf8')
  try {
    const results = JSON.parse(text) as Partial<Results>
    if (results.machine !== undefined && Array.isArray(results.measurements))
      return results as Results
  } catch {
    // Said below.
  }
  throw Object.assign(new Error(`${path} is not what bench --json prints`), { code: 'EINVAL' })
}

/** One line for what is wrong with the options or with a file that they name; everything else is ours. */
function explain(error: unknown): number {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (!(error instanceof Error) || !/^E[A-Z_]+$/.test(code)) throw error
  say(`dmabuf bench: ${error.message}`)
  return code.startsWith('ERR_PARSE_ARGS_') ? 2 : 1
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      markdown: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      filter: { type: 'string', default: '' },
      chart: { type: 'string' },
      from: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  const groups = GROUPS.filter(({ name }) => name.includes(values.filter))
  if (values.help || groups.length === 0) {
    const usage = `${USAGE} ${GROUPS.map(({ name }) => name).join(', ')}\n`
    ;(values.help ? process.stdout : process.stderr).write(usage)
    return values.help ? 0 : 2
  }
  if (values.from === undefined && !hasProgram('taskset')) {
    say('The bench pins its processes with taskset (util-linux): it is not installed')
    return 1
  }
  // Not after minutes of measuring.
  if (values.chart !== undefined) accessSync(dirname(values.chart), constants.W_OK)
  const results =
    values.from === undefined
      ? await measure(groups, values.quick ? QUICK : FULL)
      : resultsIn(values.from)
  const { machine, measurements, seconds } = results
  if (values.chart !== undefined)
    writeFileSync(values.chart, chartOf(measurements, sayMachine(machine, seconds)))
  print(results, values.json ? 'json' : values.markdown ? 'markdown' : 'text')
  return 0
}

// A reader of our output that goes away is no error of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})
stopOn('SIGINT', 2)
stopOn('SIGTERM', 15)
stopOn('SIGHUP', 1)
process.on('exit', stopAllSides)
process.exitCode = await main().catch(explain)
