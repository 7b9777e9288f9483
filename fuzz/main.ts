// What peers can do that mean harm: `npm run fuzz`, explained in docs/testing.md. Every failure names its
// seed and its case, which repeat it.
import { parseArgs } from 'node:util'
import { Fuzzer, type Target, type TargetReport } from './fuzzer.js'
import { cViewer } from './targets/c-viewer.js'
import { domain } from './targets/domain.js'
import { fences } from './targets/fences.js'
import { hub, stream, watcher } from './targets/guests.js'
import { listener } from './targets/listener.js'
import { owners } from './targets/owner.js'
import { ports } from './targets/ports.js'
import { queue } from './targets/queue.js'

const TARGETS: readonly Target[] = [
  queue,
  stream,
  cViewer,
  owners,
  watcher,
  fences,
  domain,
  hub,
  ports,
  listener,
]

const USAGE = `Usage: npm run fuzz -- [options]
  --seconds N    how long in all, 60 where absent
  --seed S       the attacks; the time where absent
  --case N       only that case of the seed
  --target NAME  only targets whose name contains NAME
  --json         one JSON object instead of lines
Targets:`

function say(text: string): void {
  process.stderr.write(`${text}\n`)
}

function usage(): string {
  return [USAGE, ...TARGETS.map(({ name, about }) => `  ${name.padEnd(10)} ${about}`)].join('\n')
}

function sayReport({ name, cases, seconds, refusals, failures }: TargetReport): void {
  const answers = Object.entries(refusals).map(([code, count]) => `${code} ${count}`)
  say(
    `${name.padEnd(10)} ${cases} cases in ${seconds} s, ${failures.length} failures; ${answers.join(', ')}`,
  )
  for (const failure of failures) say(`  ${failure}`)
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      seconds: { type: 'string', default: '60' },
      seed: { type: 'string' },
      case: { type: 'string' },
      target: { type: 'string', default: '' },
      help: { type: 'boolean', default: false },
    },
  })
  const targets = TARGETS.filter(({ name }) => name.includes(values.target))
  const seconds = Number(values.seconds)
  const seed = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed)
  if (values.help || targets.length === 0 || !(seconds > 0) || !Number.isInteger(seed)) {
    say(usage())
    return values.help ? 0 : 2
  }
  const first = Number(values.case ?? 0)
  const cases = values.case === undefined ? Number.POSITIVE_INFINITY : 1
  const reports: TargetReport[] = []
  for (const target of targets) {
    await using fuzzer = new Fuzzer(target)
    const endMs = performance.now() + (seconds * 1000) / targets.length
    const report = await fuzzer.run(seed, { first, cases, endMs })
    sayReport(report)
    reports.push(report)
  }
  const failures = reports.reduce((sum, report) => sum + report.failures.length, 0)
  const total = reports.reduce((sum, report) => sum + report.cases, 0)
  if (values.json)
    process.stdout.write(
      `${JSON.stringify({ seed, cases: total, failures, targets: reports }, null, 2)}\n`,
    )
  else say(`seed ${seed}: ${total} cases, ${failures} failures`)
  return failures === 0 ? 0 : 1
}

process.exitCode = await main()
