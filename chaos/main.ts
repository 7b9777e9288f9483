// What happens when processes die: `npm run chaos`, explained in docs/testing.md. Fails if anything leaked,
// hung, or was seen torn.
import { parseArgs } from 'node:util'
import { lineOf, percentilesOf, type ChaosReport, type ScenarioReport } from './report.js'
import { Run, type Scenario } from './scenario.js'
import { SCENARIOS } from './scenarios/index.js'

const USAGE = `Usage: npm run chaos -- [options]
  --kills N        processes to kill in all, 1000 where absent
  --seed S         moments and orders are chosen by it; the time where absent
  --scenario NAME  only that scenario, or those whose names contain NAME
  --json           one JSON object instead of lines
Scenarios:`

function usage(): string {
  return [USAGE, ...SCENARIOS.map(({ name, about }) => `  ${name.padEnd(16)} ${about}`)].join('\n')
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
}

function say(text: string): void {
  progress('')
  process.stderr.write(`${text}\n`)
}

interface Done {
  readonly report: ScenarioReport
  readonly resumeMs: readonly number[]
}

async function perform(scenario: Scenario, seed: number, kills: number): Promise<Done> {
  const run = new Run(scenario.name, { seed, progress, wrapper: scenario.wrapper })
  try {
    await scenario.run(run, kills)
  } catch (error) {
    run.violation(`the run broke off: ${error instanceof Error ? error.message : String(error)}`)
  } finally {
    await run[Symbol.asyncDispose]()
  }
  const report = run.report()
  say(lineOf(scenario.name, { ...report, violations: report.violations.length }))
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
  if (values.help || chosen.length === 0 || !(kills >= 1) || !Number.isInteger(seed)) {
    say(usage())
    return values.help ? 0 : 2
  }
  const started = performance.now()
  const skipped: Record<string, string> = {}
  const shares = chosen.reduce((total, { share }) => total + share, 0)
  const done: Done[] = []
  for (const scenario of chosen) {
    const missing = scenario.missing?.()
    if (missing !== undefined) {
      skipped[scenario.name] = missing
      say(`${scenario.name.padEnd(18)} not run: ${missing}`)
      continue
    }
    const part = Math.ceil((kills * scenario.share) / shares)
    done.push(await perform(scenario, seed, part))
  }
  const seconds = Math.round((performance.now() - started) / 100) / 10
  const report: ChaosReport = { seed, seconds, ...sumOf(done), skipped }
  if (values.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
  else process.stdout.write(`${lineOf(`all, seed ${seed}`, report)}   ${seconds} s\n`)
  const { fds, mappings, buffers, processes } = report.leaked
  return fds + mappings + buffers + processes + report.torn + report.violations === 0 ? 0 : 1
}

process.exitCode = await main()
