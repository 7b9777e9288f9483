// Runs the compiled tests with node's own runner.
//
//   node scripts/test.mjs                    all of build/tests/**/*.test.js
//   node scripts/test.mjs core/fence poll    only files whose path contains one of these words
//   node scripts/test.mjs --bin <node> …     with another node; --node-arg=<flag> adds a flag of node
//
// Node 20 has no globs in `node --test`, hence this file. It compiles nothing: `npm test` does that before.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { parseArgs } from 'node:util'

const ROOT = dirname(import.meta.dirname)
const COMPILED = join(ROOT, 'build', 'tests')
// One test file may wait for processes and timers, so a few more than the cores keep them busy.
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
  const names = readdirSync(COMPILED, { recursive: true }).filter((name) => name.endsWith('.test.js'))
  const files = names.sort().map((name) => join(COMPILED, name))
  const wanted = filters.map((filter) => filter.replace(/^(build\/)?tests\//, '').replace(/\.ts$/, ''))
  return files
    .filter((file) => isCurrent(file))
    .filter((file) => !wanted.length || wanted.some((word) => relative(COMPILED, file).includes(word)))
}

function run({ values, positionals }) {
  const files = testFiles(positionals)
  if (files.length === 0) {
    console.error(`test: no compiled test matches: filters=${positionals.join(' ') || '(none)'}`)
    return 1
  }
  const flags = ['--expose-gc', '--enable-source-maps', '--test', `--test-concurrency=${CONCURRENCY}`]
  const reporter = values.reporter ? [`--test-reporter=${values.reporter}`] : []
  const args = [...values['node-arg'], ...flags, ...reporter, ...files]
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
      reporter: { type: 'string' },
      'node-arg': { type: 'string', multiple: true, default: [] },
    },
  }),
)
