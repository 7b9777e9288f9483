// What happens when processes die: `npm run chaos`, explained in docs/testing.md. Fails if anything leaked,
// hung, or was seen torn.
import { parseArgs } from 'node:util'
import { lineOf, percentilesOf, type ChaosReport, type ScenarioReport } from './report.js'
import { Run, type Scenario } from './scenario.js'
import { SCENARIOS } from './scenarios/index.js'

const USAGE = `Usage: npm run chaos -- [options]
  --kills N        processes to kill at random moments, 1000 where absent: then all steps are tried as well,
                   each once; with fewer, a part of them
  --seed S         moments and orders are chosen by it; the time where absent
  --scenario NAME  only that scenario, or those whose names contain NAME
  --json           one JSON object on stdout; lines and, on a terminal, progress are on stderr
  --help           this
Fails if anything leaked, was seen torn, or broke a promise.
Scenarios:`

function usage(): string {
  return [USAGE, ...SCENARIOS.map(({ name, about }) => `  ${name.padEnd(18)} ${about}`)].join('\n')
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
}

function say(text: string): void {
  progress('')
  process.stderr.write(`${text}\n`)
}

/** What the kills that were asked for are divided by: steps are tried besides, unless there is nothing else. */
function sharesOf(chosen: readonly Scenario[]): number {
  const atRandom = chosen.filter(({ isByStep = false }) => !isByStep)
  const all = atRandom.length > 0 ? atRandom : chosen
  return all.reduce((total, { share }) => total + share, 0)
}

interface Done {
  readonly report: ScenarioReport
  readonly resumeMs: readonly number[]
}

async function perform(
  scenario: Scenario,
  { seed, kills, place }: { seed: number; kills: number; place: string },
): Promise<Done> {
  const { name, wrapper, isByStep = false } = scenario
  const told = (killed: number): void => progress(`${place} ${name}: ${killed} killed`)
  // Before it dies at its steps, each operation is done once to count them.
  const victims = isByStep ? 2 * kills : kills
  const run = new Run(name, { seed, progress: told, wrapper, victims })
  try {
    await scenario.run(run, kills)
  } catch (error) {
    run.violation(`the run broke off: ${error instanceof Error ? error.message : String(error)}`)
  } finally {
    await run[Symbol.asyncDispose]()
  }
  const report = run.report()
  say(lineOf(name, { ...report, violations: report.violations.length }))
  for (const text of report.violations.slice(0, 10)) say(`  ${text}`)
  return { report, resumeMs: run.resumeMs }
}

function sumOf(all: readonly Done[]): Omit<ChaosReport, 'seed' | 'seconds' | 'skipped'> {
  const reports = all.map(({ report }) => report)
  const sum = (of: (report: ScenarioReport) => number): number =>
    reports.reduce((total, report) => total + of(report), 0)
  return {
    kills: sum(({ kills }) => kills),
    resumeMs: percentilesOf(all.flatMap(({ resumeMs }) => resumeMs)),
    leaked: {
      fds: sum(({ leaked }) => leaked.fds),
      mappings: sum(({ leaked }) => leaked.mappings),
      buffers: sum(({ leaked }) => leaked.buffers),
      processes: sum(({ leaked }) => leaked.processes),
    },
    torn: sum(({ torn }) => torn),
    violations: sum(({ violations }) => violations.length),
    scenarios: reports,
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      kills: { type: 'string', default: '1000' },
      seed: { type: 'string' },
      scenario: { type: 'string', default: '' },
      help: { type: 'boolean', default: false },
    },
  })
  const exact = SCENARIOS.filter(({ name }) => name === values.scenario)
  const similar = SCENARIOS.filter(({ name }) => name.includes(values.scenario))
  const chosen = exact.length > 0 ? exact : similar
  const kills = Number(values.kills)
  const seed = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed)
  if (values.help) {
    process.stdout.write(`${usage()}\n`)
    return 0
  }
  if (chosen.length === 0 || !(kills >= 1) || !Number.isInteger(seed)) {
    say(usage())
    return 2
  }
  const started = performance.now()
  const skipped: Record<string, string> = {}
  const shares = sharesOf(chosen)
  const done: Done[] = []
  for (const [index, scenario] of chosen.entries()) {
    const missing = scenario.missing?.()
    if (missing !== undefined) {
      skipped[scenario.name] = missing
      say(`${scenario.name.padEnd(18)} not run: ${missing}`)
      continue
    }
    const part = Math.ceil((kills * scenario.share) / shares)
    const place = `${index + 1}/${chosen.length}`
    done.push(await perform(scenario, { seed, kills: part, place }))
  }
  const seconds = Math.round((performance.now() - started) / 100) / 10
  const report: ChaosReport = { seed, seconds, ...sumOf(done), skipped }
  if (values.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
  else process.stdout.write(`${lineOf(`all, seed ${seed}`, report)}   ${seconds} s\n`)
  const { fds, mappings, buffers, processes } = report.leaked
  return fds + mappings + buffers + processes + report.torn + report.violations === 0 ? 0 : 1
}

process.exitCode = await main()
