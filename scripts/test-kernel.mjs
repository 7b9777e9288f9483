// Runs tests/kernel on a real Linux 6.12, in a VM that needs neither root nor an installation: docs/kernel-vm.md.
//
//   node scripts/test-kernel.mjs                    all of build/tests/kernel/*.test.js
//   node scripts/test-kernel.mjs heap sync          only files whose path contains one of these words
//   node scripts/test-kernel.mjs --shell 'uname -a' a command instead of tests
//   node scripts/test-kernel.mjs --custom           on a kernel of our own, built when it is first asked for
//
// Status: 0; 1 something failed; 77 skipped, the packages cannot be had; 125 the VM died or did not end.
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  cpSync,
} from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { accelerator } from './kernel-vm/accelerator.mjs'
import { buildKey } from './kernel-vm/build-key.mjs'
import { boot, PROCESSORS, withJob } from './kernel-vm/boot.mjs'
import { customKernel } from './kernel-vm/custom-kernel.mjs'
import { packages } from './kernel-vm/packages.mjs'
import { say, Unavailable } from './kernel-vm/unavailable.mjs'

const ROOT = dirname(import.meta.dirname)
const COMPILED = join(ROOT, 'build/tests/kernel')
const COUNTS = join(ROOT, 'build/counts/kernel.json')
/** What tests leave for the host: transcripts. */
const RESULTS = join(ROOT, 'build/kernel')
const SKIPPED = 77
const DIED = 125

function testFiles(filters) {
  const names = existsSync(COMPILED) ? readdirSync(COMPILED, { recursive: true }) : []
  const words = filters.map((filter) =>
    filter.replace(/^(build\/)?tests\/kernel\//, '').replace(/\.[jt]s$/, ''),
  )
  return names
    .filter((name) => name.endsWith('.test.js'))
    .filter((name) => words.length === 0 || words.some((word) => name.includes(word)))
    .map((name) => join(COMPILED, name))
    .filter((file) => hasSource(file))
    .sort()
}

/** A compiled test whose source is gone is not a test any more. */
function hasSource(file) {
  return existsSync(
    join(ROOT, 'tests', relative(join(ROOT, 'build/tests'), file).replace(/\.js$/, '.ts')),
  )
}

/** Removes what the last run left, and builds the tests' own way to the kernel: a compiler would take long inside. */
function prepare() {
  rmSync(COUNTS, { force: true })
  rmSync(RESULTS, { recursive: true, force: true })
  const args = [join(import.meta.dirname, 'build-native.mjs'), '--variant', 'raw']
  const { status } = spawnSync(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  if (status !== 0) throw new Error('tests/fixtures/raw-calls.c does not compile')
}

const quoted = (word) => `'${word.replaceAll("'", "'\\''")}'`

function testCommand(files) {
  const reporters = [
    '--test-reporter=spec --test-reporter-destination=stdout',
    `--test-reporter=${quoted(join(import.meta.dirname, 'counts-reporter.mjs'))}`,
    '--test-reporter-destination=/job/counts.json',
  ]
  const node = `${quoted(process.execPath)} --expose-gc --enable-source-maps ${reporters.join(' ')}`
  const runner = quoted(join(import.meta.dirname, 'kernel-vm/run-tests.mjs'))
  return inProject(`exec ${node} ${runner} ${files.map(quoted).join(' ')}`)
}

/** Home, path and language of the guest are fixed: what the host has set is not the tests' business. */
function inProject(command) {
  return [
    'export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM=dumb',
    `export DMABUF_KERNEL_VM=1 DMABUF_KERNEL_RESULTS=/job/results`,
    `mkdir /job/results; cd ${quoted(ROOT)} || exit 1`,
    command,
  ].join('\n')
}

async function start(options, command) {
  if (options.accel !== 'auto' && !Object.hasOwn(PROCESSORS, options.accel))
    throw new RangeError(`--accel is auto, ${Object.keys(PROCESSORS).join(' or ')}`)
  const parts = await packages({ update: options.update })
  if (options.custom) parts.kernel = await customKernel({ jobs: Number(options.jobs) })
  const accel = options.accel === 'auto' ? await accelerator(parts) : options.accel
  say(`booting ${parts.kernel.split('/').at(-1)} (${accel})`)
  return withJob(async (job) => {
    const timeoutSeconds = Number(options.timeout)
    const memoryMiB = Number(options.memory)
    const modules = options.modules.split(',').filter((name) => name !== '')
    const end = await boot(parts, job, { command, accel, memoryMiB, modules, timeoutSeconds })
    bringBack(job, options)
    return end
  })
}

function bringBack(job, { shell }) {
  const counts = join(job, 'counts.json')
  if (existsSync(counts)) cpSync(counts, COUNTS)
  const results = join(job, 'results')
  if (!existsSync(results)) return
  cpSync(results, RESULTS, { recursive: true })
  // What a command wrote is no transcript of the tests.
  if (shell === undefined) writeFileSync(join(RESULTS, 'key'), buildKey(ROOT))
}

function totals() {
  const text = existsSync(COUNTS) ? readFileSync(COUNTS, 'utf8') : ''
  if (text === '') return undefined
  const { pass = 0, fail = 0, cancelled = 0, skipped = 0, todo = 0, failures } = JSON.parse(text)
  for (const { name, message } of failures) console.log(`FAILED kernel: ${name}: ${message}`)
  return { passed: pass, failed: fail + cancelled, skipped: skipped + todo }
}

/** The last line of stdout: how many tests did what. @returns the exit status */
function report({ status }) {
  const counts = totals() ?? { passed: 0, failed: 1, skipped: 0 }
  console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
  return status === 0 && counts.failed === 0 && counts.passed > 0 ? 0 : 1
}

async function run({ values, positionals }) {
  mkdirSync(dirname(COUNTS), { recursive: true })
  const files = values.shell === undefined ? testFiles(positionals) : []
  if (values.shell === undefined && files.length === 0) {
    console.error(`test-kernel: no compiled test matches: ${positionals.join(' ') || '(none)'}`)
    return 1
  }
  if (values.shell === undefined) prepare()
  const command = values.shell === undefined ? testCommand(files) : inProject(values.shell)
  const started = performance.now()
  const end = await start(values, command)
  say(`${((performance.now() - started) / 1000).toFixed(1)} s`)
  if (end.death !== undefined) {
    console.error(`\ntest-kernel: THE VM DIED: ${end.death}`)
    return DIED
  }
  return values.shell === undefined ? report(end) : end.status
}

const options = {
  shell: { type: 'string' },
  memory: { type: 'string', default: '2048' },
  modules: { type: 'string', default: 'vgem,vivid,virtio_gpu' },
  timeout: { type: 'string', default: '300' },
  accel: { type: 'string', default: 'auto' },
  custom: { type: 'boolean', default: false },
  jobs: { type: 'string', default: String(availableParallelism()) },
  update: { type: 'boolean', default: false },
}

try {
  process.exitCode = await run(parseArgs({ allowPositionals: true, options }))
} catch (error) {
  if (error instanceof RangeError) {
    console.error(`test-kernel: ${error.message}`)
    process.exit(1)
  }
  if (!(error instanceof Unavailable)) throw error
  console.log(`\nSKIPPED: NO TEST RAN ON A REAL KERNEL: ${error.message}`)
  process.exitCode = SKIPPED
}
