// Runs compiled tests against copies of the package in which one source carries a mistake.
import { spawn } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { apply, compile } from './mutants.mjs'

const ROOT = dirname(import.meta.dirname)
// The tests that may hold core: those of the zones that need no addon and no process.
const TEST_FOLDERS = ['core', 'syscalls']
const FLAGS = ['--expose-gc', '--max-old-space-size=1024', '--test-reporter=tap']

export const distOf = (path) => path.replace(/^src/, 'dist').replace(/\.ts$/, '.js')

/** A copy of what the tests need, in a folder of its own, with every named source compiled by us. */
export function makeCopy(sources) {
  const folder = mkdtempSync(join(tmpdir(), 'dmabuf-mutate-'))
  cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'))
  cpSync(join(ROOT, 'dist'), join(folder, 'dist'), { recursive: true })
  // Tests draw their random numbers from the simulator's generator.
  for (const part of ['tests', 'sim'])
    cpSync(join(ROOT, 'build', part), join(folder, 'build', part), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  for (const { path, code } of sources) writeFileSync(join(folder, distOf(path)), code)
  return folder
}

export function removeCopy(folder) {
  rmSync(folder, { recursive: true, force: true })
}

/** The compiled test files that are asked, without their folder; not those whose source is gone. */
export function testFiles() {
  return TEST_FOLDERS.flatMap((zone) => {
    const folder = join(ROOT, 'build/tests', zone)
    if (!existsSync(folder)) return []
    const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    return names
      .filter((name) => name.endsWith('.test.js'))
      .map((name) => `${zone}/${name}`)
      .filter((test) => existsSync(join(ROOT, 'tests', test.replace(/\.js$/, '.ts'))))
  }).sort()
}

/** Runs one test file: 'passed', 'failed' (at its first failure) or 'timeout'. */
function runTest({ folder, test, limitMs, env = {} }) {
  return new Promise((resolve) => {
    const started = performance.now()
    const file = join(folder, 'build/tests', test)
    const child = spawn(process.execPath, [...FLAGS, file], {
      cwd: folder,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    let verdict
    const end = (result) => {
      verdict ??= result
      child.kill('SIGKILL')
    }
    const timer = setTimeout(() => end('timeout'), limitMs)
    let text = ''
    child.stdout.on('data', (chunk) => {
      text = (text + chunk).slice(-4096)
      // With coverage the process has to end by itself.
      if (!env.NODE_V8_COVERAGE && /^\s*not ok /m.test(text)) end('failed')
    })
    child.on('close', (code) => {
      clearTimeout(timer)
      const ms = performance.now() - started
      resolve({ result: verdict ?? (code === 0 ? 'passed' : 'failed'), ms })
    })
  })
}

/** Runs jobs with so many at a time; each gets the number of its runner. */
export async function inParallel(jobs, runners, run) {
  let next = 0
  const runner = async (number) => {
    while (next < jobs.length) await run(jobs[next++], number)
  }
  await Promise.all(Array.from({ length: runners }, (_, number) => runner(number)))
}

/** What each test file takes, whether it passes, and which ranges of which source it executes. */
export async function baseline(folders) {
  const tests = []
  await inParallel(testFiles(), folders.length, async (test, number) => {
    let ran = await measure(test, folders[number])
    // Once more, for a test that a busy machine has disturbed.
    if (ran.result !== 'passed') ran = await measure(test, folders[number])
    tests.push(ran)
  })
  return tests
}

async function measure(test, folder) {
  const directory = mkdtempSync(join(folder, 'coverage-'))
  const env = { NODE_V8_COVERAGE: directory }
  const { result, ms } = await runTest({ folder, test, limitMs: 120_000, env })
  const ranges = rangesIn(directory, folder)
  rmSync(directory, { recursive: true })
  return { test, ms, result, ranges }
}

/** By path below dist: the executed and unexecuted ranges, as V8 tells them. */
function rangesIn(directory, folder) {
  const ranges = new Map()
  const base = pathToFileURL(`${folder}/`).href
  for (const name of readdirSync(directory)) {
    const { result } = JSON.parse(readFileSync(join(directory, name), 'utf8'))
    for (const { url, functions } of result) {
      const path = url.startsWith(base) ? url.slice(base.length) : ''
      if (!path.startsWith('dist/core/')) continue
      // A file that two threads or processes execute stands there twice: each by itself can cover.
      const lists = ranges.get(path) ?? []
      ranges.set(path, [...lists, functions.flatMap((one) => one.ranges)])
    }
  }
  return ranges
}

/** Whether code at this place of the compiled file was executed: the smallest range around it says so. */
export function isCovered(lists, offset) {
  return (lists ?? []).some((ranges) => {
    let smallest
    for (const range of ranges) {
      const isInside = range.startOffset <= offset && offset < range.endOffset
      const size = range.endOffset - range.startOffset
      if (isInside && (!smallest || size <= smallest.endOffset - smallest.startOffset))
        smallest = range
    }
    return smallest !== undefined && smallest.count > 0
  })
}

/** The tests that execute the place of a mutant: those of the same file first, then of the same folder. */
export function testsFor(mutant, tests) {
  const name = mutant.path.replace(/^src\//, '').replace(/\.ts$/, '')
  const rank = ({ test }) => {
    if (dirname(test) !== dirname(name)) return 2
    return basename(test).startsWith(`${basename(name)}.`) ? 0 : 1
  }
  return tests
    .filter(({ ranges }) => isCovered(ranges.get(distOf(mutant.path)), mutant.offset))
    .sort((a, b) => rank(a) - rank(b) || a.ms - b.ms)
}

/** Puts a mutant into a copy, asks the tests until one fails, and takes it out again. */
export async function tryMutant({ mutant, source, folder, tests }) {
  const asked = testsFor(mutant, tests)
  if (asked.length === 0) return { ...mutant, result: 'uncovered' }
  const file = join(folder, distOf(mutant.path))
  writeFileSync(file, compile(mutant.path, apply(source.text, mutant)).code)
  try {
    for (const { test, ms } of asked) {
      const limitMs = Math.max(4000, ms * 6)
      let { result } = await runTest({ folder, test, limitMs })
      // A machine that is busy is no proof: once more, with more time.
      if (result === 'timeout') ({ result } = await runTest({ folder, test, limitMs: limitMs * 2 }))
      if (result === 'timeout') return { ...mutant, result: 'timeout', by: test }
      if (result === 'failed') return { ...mutant, result: 'killed', by: test }
    }
    return { ...mutant, result: 'survived' }
  } finally {
    writeFileSync(file, source.code)
  }
}
