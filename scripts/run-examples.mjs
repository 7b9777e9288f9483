// Executes every example, the JavaScript twins as they are and the TypeScript ones as compiled.
//
//   node scripts/run-examples.mjs [filter …]
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'

const ROOT = dirname(import.meta.dirname)
const LIMIT_MS = 60_000
const EXAMPLE = /^\d\d-.*\.js$/

function examplesIn(folder) {
  if (!existsSync(join(ROOT, folder))) return []
  const names = readdirSync(join(ROOT, folder)).filter((name) => EXAMPLE.test(name))
  return names.sort().map((name) => `${folder}/${name}`)
}

function isCurrent(file) {
  const source = file.replace(/^build\//, '').replace(/\.js$/, '.ts')
  return !file.startsWith('build/') || existsSync(join(ROOT, source))
}

/** Each example exists twice; a reader who takes one must not find the other missing. */
function twinless() {
  const names = existsSync(join(ROOT, 'examples')) ? readdirSync(join(ROOT, 'examples')) : []
  return names
    .filter((name) => /^\d\d-.*\.[jt]s$/.test(name))
    .filter(
      (name) => !names.includes(name.replace(/\.([jt])s$/, (_, x) => `.${x === 'j' ? 't' : 'j'}s`)),
    )
}

function execute(file) {
  const started = performance.now()
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, file)], {
    cwd: ROOT,
    encoding: 'utf8',
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  })
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  const passed = status === 0
  console.log(`${passed ? 'ok    ' : 'FAILED'} ${file} (${seconds} s)`)
  if (!passed) console.log(`${stdout}${stderr}exit: ${signal ?? status}`)
  return passed
}

function run(filters) {
  const missing = twinless()
  for (const name of missing) console.log(`FAILED examples/${name} has no twin`)
  const files = [...examplesIn('examples'), ...examplesIn('build/examples')]
    .filter((file) => isCurrent(file))
    .filter((file) => filters.length === 0 || filters.some((word) => file.includes(word)))
  const failed = files.filter((file) => !execute(file)).length
  console.log(`examples: ${files.length - failed} passed, ${failed + missing.length} failed`)
  return failed + missing.length === 0 ? 0 : 1
}

process.exitCode = run(process.argv.slice(2))
