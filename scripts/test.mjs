// Runs the compiled tests with node's own runner.
//
//   node scripts/test.mjs                    all of build/tests/**/*.test.js
//   node scripts/test.mjs core/fence poll    only files whose path contains one of these words
//   node scripts/test.mjs --bin <node> …     with another node
//
// Node 20 has no globs in `node --test`, hence this file. It compiles nothing: `npm test` does that
// before. The totals go to build/counts/<label>.json as well, for whoever adds up several runs.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { parseArgs } from 'node:util'

const ROOT = dirname(import.meta.dirname)
const COMPILED = join(ROOT, 'build', 'tests')
const COUNTS = join(ROOT, 'build', 'counts')
// A test file may wait for processes and timers, so one more than the cores keeps them busy.
const CONCURRENCY = Math.min(8, availableParallelism() + 1)

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
  return names
    .sort()
    .filter((name) => wanted.length === 0 || wanted.some((word) => name.includes(word)))
    .map((name) => join(COMPILED, name))
    .filter((file) => isCurrent(file))
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

function run({ values, positionals }) {
  const files = testFiles(positionals)
  if (files.length === 0) {
    console.error(`test: no compiled test matches: filters=${positionals.join(' ') || '(none)'}`)
    return 1
  }
  const flags = ['--expose-gc', '--enable-source-maps']
  // A test that hangs fails by its name instead of holding the whole run.
  const bounds = [`--test-concurrency=${CONCURRENCY}`, '--test-timeout=180000']
  const testFlags = ['--test', ...bounds, ...reporters(values.label)]
  const args = [...flags, ...testFlags, ...files]
  const { status, signal, error } = spawnSync(values.bin, args, { cwd: ROOT, stdio: 'inherit' })
  if (error) throw error
  if (signal) console.error(`test: node ended by ${signal}`)
  return status ?? 1
}

process.exitCode = run(
  parseArgs({
    allowPositionals: true,
    options: {
      bin: { type: 'string', default: process.execPath },
      label: { type: 'string', default: 'test' },
    },
  }),
)
