// A kernel of our own, from Debian's sources: with what Debian's build leaves out (custom-kernel.config).
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { command } from './apt.mjs'
import { cacheFolder, keyOf, part } from './cache.mjs'
import { newerApt, unpackAll } from './packages.mjs'
import { say, Unavailable } from './unavailable.mjs'

const SOURCE = 'linux-source-6.12'
const CONFIG = join(import.meta.dirname, 'custom-kernel.config')
const PROGRAMS = ['gcc', 'make', 'flex', 'bison', 'bc', 'xz', 'tar']
const HEADERS = { 'libelf-dev': '/usr/include/gelf.h', 'libssl-dev': '/usr/include/openssl/ssl.h' }
const PROGRESS_MS = 30e3

/**
 * The folder of the custom kernel, built where the cache does not have it: some ten minutes.
 *
 * @param options.jobs - how many compilers at a time
 * @throws {Unavailable} where its source or a compiler cannot be had
 */
export function customKernel({ jobs = availableParallelism() } = {}) {
  const key = keyOf(readFileSync(CONFIG, 'utf8'))
  return part(`custom-${SOURCE}-${key}`, async (folder) => {
    checkPrerequisites()
    const work = join(cacheFolder(), `.unfinished-source-${process.pid}`)
    try {
      await build(fetchSource(work), folder, jobs)
    } finally {
      rmSync(work, { recursive: true, force: true })
    }
  })
}

function checkPrerequisites() {
  const isThere = (name) => spawnSync('which', [name], { stdio: 'ignore' }).status === 0
  const missing = PROGRAMS.filter((name) => !isThere(name))
  for (const [name, header] of Object.entries(HEADERS)) if (!existsSync(header)) missing.push(name)
  if (missing.length > 0)
    throw new Unavailable(`building a kernel needs ${missing.join(', ')}: install them with apt`)
}

/** @returns the folder of the sources */
function fetchSource(work) {
  say(`fetching ${SOURCE}: some 150 MB`)
  const debs = join(work, 'debs')
  newerApt(work).download([SOURCE], debs)
  unpackAll(debs, work)
  say('unpacking the sources')
  command('tar', ['-xJf', join(work, 'usr/src', `${SOURCE}.tar.xz`), '-C', work])
  return join(work, SOURCE)
}

async function build(source, folder, jobs) {
  const make = (...args) => command('make', ['-s', '-C', source, ...args])
  make('tinyconfig')
  const config = join(source, '.config')
  const merge = join(source, 'scripts/kconfig/merge_config.sh')
  command(merge, ['-m', '-O', source, config, CONFIG], { cwd: source })
  make('olddefconfig')
  checkConfig(config)
  say(`building: some 10 minutes with ${jobs} at a time`)
  await compile(source, jobs)
  renameSync(join(source, 'arch/x86/boot/bzImage'), join(folder, 'vmlinuz'))
  keepModules(source, join(folder, 'modules'))
}

/** An option that this kernel does not know would be left out silently. */
function checkConfig(file) {
  const lines = new Set(readFileSync(file, 'utf8').split('\n'))
  const wanted = readFileSync(CONFIG, 'utf8')
    .split('\n')
    .filter((line) => /^CONFIG_\w+=/.test(line))
  const lost = wanted.filter((line) => !lines.has(line))
  if (lost.length > 0) throw new Error(`The kernel does not take ${lost.join(' ')}`)
}

function compile(source, jobs) {
  const args = ['-n', '19', 'make', '-C', source, `-j${jobs}`, 'bzImage', 'modules']
  const child = spawn('nice', args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let count = 0
  let errors = ''
  child.stdout.on('data', (text) => (count += text.toString().split('\n').length - 1))
  child.stderr.on('data', (text) => (errors = `${errors}${text}`.slice(-4000)))
  const timer = setInterval(() => say(`building: ${count} steps done`), PROGRESS_MS)
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status) => {
      clearInterval(timer)
      if (status === 0) resolve()
      else reject(new Error(`The kernel does not build: make ended with ${status}\n${errors}`))
    })
  })
}

function keepModules(source, to) {
  mkdirSync(to)
  for (const name of readdirSync(source, { recursive: true }))
    if (name.endsWith('.ko')) renameSync(join(source, name), join(to, name.split('/').at(-1)))
}
