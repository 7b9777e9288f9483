// The simulator of the shared-memory protocol: `npm run sim`, explained in docs/testing.md.
import { pathToFileURL } from 'node:url'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { buildSteps, WORLD } from './transform/build.js'
import { Findings } from './findings.js'
import { mutations } from './mutations.js'
import type * as worlds from './worlds.js'

const USAGE = `Usage: npm run sim -- [options]
  --steps N       so many steps, spread over seeds (1000000)
  --seconds N     stop after so long, whatever --steps says
  --first N       the first seed (1)
  --seed N        this seed alone, with its last steps in words where it fails
  --trace         with --seed: the last steps in any case
  --last N        how many of them, at most 2000 (120)
  --world NAME    only this part of the protocol
  --mutation NAME breaks the shipped source first, to see whether that is found
  --json          one JSON object
`

type Worlds = typeof worlds

interface Totals {
  seeds: number
  steps: number
  crashes: number
  violations: number
}

const PROGRESS_MS = 500
/** Seeds with a violation after which it stops. */
const MOST_VIOLATIONS = 100
const SHOWN_SEEDS = 8

async function load(mutation: string | undefined): Promise<Worlds> {
  const list = mutation === undefined ? undefined : mutations.get(mutation)
  if (mutation !== undefined && list === undefined)
    throw new RangeError(`No mutation ${mutation}: ${[...mutations.keys()].join(', ')}`)
  const folder = buildSteps({
    name: mutation ?? 'shipped',
    entries: [WORLD],
    ...(list && { mutations: list.changes }),
  })
  const url = pathToFileURL(join(folder, WORLD.replace(/\.ts$/, '.js')))
  return (await import(url.href)) as Worlds
}

function say(text: string): void {
  process.stderr.write(`${text}\n`)
}

const isColored = process.stderr.isTTY && !process.env['NO_COLOR']

function paint(code: number, text: string): string {
  return isColored ? `\x1b[${code}m${text}\x1b[0m` : text
}

function report(result: worlds.SeedResult, last: number): void {
  const { seed, world, steps, hash, violation } = result
  if (last > 0)
    for (const { step, who, what } of result.trace.slice(-last))
      say(`${String(step).padStart(7)}  ${who.padEnd(12)} ${what}`)
  if (violation === undefined) say(`seed ${seed} (${world}): ${steps} steps, hash ${hash}`)
  else say(paint(31, `seed ${seed} (${world}), step ${steps}: ${violation}`))
}

function number(text: string | undefined, usual: number): number {
  if (text === undefined) return usual
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`Not a number: ${text}`)
  return value
}

function showProgress({ seeds, steps, violations }: Totals, wanted: number): void {
  const part = ((100 * steps) / wanted).toFixed(0).padStart(3)
  const found = violations === 0 ? '' : `, ${violations} violations`
  process.stderr.write(`\r${part} %  ${seeds} seeds, ${steps} steps${found}`)
}

const options = {
  steps: { type: 'string' },
  seconds: { type: 'string' },
  first: { type: 'string' },
  seed: { type: 'string' },
  trace: { type: 'boolean', default: false },
  last: { type: 'string' },
  world: { type: 'string' },
  mutation: { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const

async function main(): Promise<number> {
  const { values } = parseArgs({ options })
  if (values.help) {
    process.stdout.write(USAGE)
    return 0
  }
  const { runSeed } = await load(values.mutation)
  const world = values.world ?? mutations.get(values.mutation ?? '')?.world
  const which = world === undefined ? {} : { world }
  if (values.seed !== undefined) {
    const result = runSeed(number(values.seed, 0), { ...which, keepsText: true })
    report(result, values.trace || result.violation !== undefined ? number(values.last, 120) : 0)
    if (values.json)
      print({
        seeds: 1,
        steps: result.steps,
        crashes: result.crashes,
        violations: result.violation === undefined ? 0 : 1,
      })
    return result.violation === undefined ? 0 : 1
  }
  const wanted = number(values.steps, 1000000)
  const until = performance.now() + number(values.seconds, 86400) * 1000
  const started = performance.now()
  const totals: Totals = { seeds: 0, steps: 0, crashes: 0, violations: 0 }
  const findings = new Findings()
  let shown = started
  for (let seed = number(values.first, 1); totals.steps < wanted; seed++) {
    const result = runSeed(seed, which)
    totals.seeds++
    totals.steps += result.steps
    totals.crashes += result.crashes
    const now = performance.now()
    if (result.violation !== undefined) {
      totals.violations++
      if (findings.add(seed, result.violation)) {
        report(result, 0)
        say(`  ${commandOf(seed, world, values.mutation)}`)
      }
      if (totals.violations >= MOST_VIOLATIONS) break
    }
    if (now > until) break
    if (process.stderr.isTTY && now - shown > PROGRESS_MS) {
      showProgress(totals, wanted)
      shown = now
    }
  }
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
  for (const { what, seeds } of findings.repeated)
    say(paint(31, `${seeds.length} times: ${what}: seeds ${listOf(seeds)}`))
  if (values.json) print(totals)
  else {
    const seconds = (performance.now() - started) / 1000
    const rate = (totals.steps / seconds / 1e6).toFixed(2)
    say(
      `${totals.seeds} seeds, ${totals.steps} steps, ${totals.crashes} crashes, ${totals.violations} violations`,
    )
    say(`${seconds.toFixed(1)} s, ${rate} million steps a second`)
  }
  return totals.violations === 0 ? 0 : 1
}

function commandOf(seed: number, world: string | undefined, mutation: string | undefined): string {
  const which = world === undefined ? '' : ` --world ${world}`
  const broken = mutation === undefined ? '' : ` --mutation ${mutation}`
  return `npm run sim -- --seed ${seed}${which}${broken}`
}

function listOf(seeds: readonly number[]): string {
  const shown = seeds.slice(0, SHOWN_SEEDS).join(', ')
  return seeds.length > SHOWN_SEEDS ? `${shown}, …` : shown
}

function print(totals: Totals): void {
  process.stdout.write(`${JSON.stringify(totals)}\n`)
}

process.exitCode = await main()
