// Runs the compiled tests with node's own runner.
//
//   node scripts/test.mjs                    all of build/tests/**/*.test.js but kernel/
//   node scripts/test.mjs core/fence poll    only files whose path contains one of these words
//   node scripts/test.mjs --bin <node> …     with another node
//   node scripts/test.mjs --once …           what fails has failed
//
// Node 20 has no globs in `node --test`, hence this file. It compiles nothing: `npm test` does that
// before. The totals go to build/counts/<label>.json as well, for whoever adds up several runs.
//
// Files run side by side on a machine that others use, too. Where at most three of them fail they run once
// more, alone: what fails again has failed; what passes then is named UNSTEADY at the end of the run.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { parseArgs } from 'node:util'

const ROOT = dirname(import.meta.dirname)
const COMPILED = join(ROOT, 'build', 'tests')
const COUNTS = join(ROOT, 'build', 'counts')
// A test file may wait for processes and timers, so one more than the cores keeps them busy.
const CONCURRENCY = Math.min(8, availableParallelism() + 1)
/** More than these failing is no matter of load. */
const MAX_UNSTEADY_FILES = 3

/** A compiled test whose source is gone would run for ever after: it is removed instead. */
function isCurrent(file) {
  const source = join(ROOT, 'tests', relative(COMPILED, file).replace(/\.js$/, '.ts'))
  if (existsSync(source)) return true
  rmSync(file)
  return false
}

function testFiles(filters) {
  if (!existsSync(COMPILED)) return []
  const names = readdirSync(COMPILED, { recursive: true }).filter((name) =>
    name.endsWith('.test.js'),
  )
  const wanted = filters.map((filter) =>
    filter.replace(/^(build\/)?tests\//, '').replace(/\.[jt]s$/, ''),
  )
  return (
    names
      .sort()
      // Those need a kernel that has the devices: scripts/test-kernel.mjs runs them in a VM.
      .filter((name) => !name.startsWith('kernel/'))
      .filter((name) => wanted.length === 0 || wanted.some((word) => name.includes(word)))
      .map((name) => join(COMPILED, name))
      .filter((file) => isCurrent(file))
  )
}

function reporters(label) {
  mkdirSync(COUNTS, { recursive: true })
  const counts = join(COUNTS, `${label}.json`)
  rmSync(counts, { force: true })
  return [
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    `--test-reporter=${join(import.meta.dirname, 'counts-reporter.mjs')}`,
    `--test-reporter-destination=${counts}`,
  ]
}

function runFiles(files, { bin, label, concurrency }) {
  const flags = ['--expose-gc', '--enable-source-maps']
  // A test that hangs fails by its name instead of holding the whole run.
  const bounds = [`--test-concurrency=${concurrency}`, '--test-timeout=180000']
  const args = [...flags, '--test', ...bounds, ...reporters(label), ...files]
  const { status, signal, error } = spawnSync(bin, args, { cwd: ROOT, stdio: 'inherit' })
  if (error) throw error
  if (signal) console.error(`test: node ended by ${signal}`)
  return status ?? 1
}

const countsFile = (label) => join(COUNTS, `${label}.json`)

function readCounts(label) {
  const text = existsSync(countsFile(label)) ? readFileSync(countsFile(label), 'utf8') : ''
  return text === '' ? undefined : JSON.parse(text)
}

/** Compiled test files in which something failed; undefined where a failure names none of ours. */
function failedFiles({ failures }) {
  const files = failures.map(({ file = '' }) =>
    file.replace(join(ROOT, 'tests'), COMPILED).replace(/\.ts$/, '.js'),
  )
  // One that is called by a helper has the helper's name: nothing would run there.
  const areTests = files.every((file) => file.endsWith('.test.js') && existsSync(file))
  return areTests ? [...new Set(files)] : undefined
}

/** Runs the few files that failed once more, alone. @returns the exit status */
function runAgain({ bin, label }) {
  const counts = readCounts(label)
  const files = counts === undefined ? undefined : failedFiles(counts)
  if (files === undefined || files.length === 0 || files.length > MAX_UNSTEADY_FILES) return 1
  console.log(`\ntest: again, alone: ${files.map((file) => relative(COMPILED, file)).join(' ')}`)
  const again = `${label}-again`
  const status = runFiles(files, { bin, label: again, concurrency: 1 })
  rmSync(countsFile(again), { force: true })
  if (status !== 0) return status
  const { failures, fail, cancelled = 0, pass, ...rest } = counts
  const passed = pass + fail + cancelled
  const unsteady = failures
  const mended = { ...rest, pass: passed, fail: 0, cancelled: 0, failures: [], unsteady }
  writeFileSync(countsFile(label), `${JSON.stringify(mended)}\n`)
  for (const { name, message } of failures)
    console.log(`UNSTEADY: passed only when run alone: ${name}: ${message}`)
  return 0
}

function run({ values, positionals }) {
  const files = testFiles(positionals)
  if (files.length === 0) {
    console.error(`test: no compiled test matches: filters=${positionals.join(' ') || '(none)'}`)
    return 1
  }
  const status = runFiles(files, { ...values, concurrency: CONCURRENCY })
  return status === 0 || values.once ? status : runAgain(values)
}

process.exitCode = run(
  parseArgs({
    allowPositionals: true,
    options: {
      bin: { type: 'string', default: process.execPath },
      label: { type: 'string', default: 'test' },
      once: { type: 'boolean', default: false },
    },
  }),
)
