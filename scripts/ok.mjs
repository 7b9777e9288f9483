// The gate: everything that has to be right before a change goes in. Every step runs, so that one
// round shows all that is wrong.
//
//   node scripts/ok.mjs                  all steps
//   node scripts/ok.mjs --except test    all but these, separated by commas
//   node scripts/ok.mjs --only lint      these
import { spawnSync } from 'node:child_process'
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'

const ROOT = dirname(import.meta.dirname)
// Later steps read what the first two build.
const STEPS = [
  'build:native',
  'types',
  'format:check',
  'lint',
  'test',
  'rules',
  'api',
  'docs',
  'examples',
  'package:check',
  'pack:check',
  'mutate:sample',
]

function runStep(step) {
  console.log(`\n== ${step}`)
  const started = performance.now()
  const { status } = spawnSync('npm', ['run', '--silent', step], { cwd: ROOT, stdio: 'inherit' })
  return { step, passed: status === 0, seconds: ((performance.now() - started) / 1000).toFixed(1) }
}

const { values } = parseArgs({
  options: {
    except: { type: 'string', default: '' },
    only: { type: 'string', default: STEPS.join(',') },
  },
})
const except = values.except.split(',')
const steps = values.only.split(',').filter((step) => !except.includes(step))
const results = steps.map((step) => runStep(step))
console.log()
for (const { step, passed, seconds } of results) {
  console.log(`${passed ? 'ok    ' : 'FAILED'} ${seconds.padStart(6)} s  ${step}`)
}
process.exitCode = results.every(({ passed }) => passed) ? 0 : 1
