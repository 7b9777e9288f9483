// Makes small mistakes in src/core, one at a time, and counts how many the tests find out.
//
//   node scripts/mutate.mjs                                  every mistake there is
//   node scripts/mutate.mjs --files 'src/core/fence/**'      in these files
//   node scripts/mutate.mjs --sample 100 --seed 7            so many of them, chosen by the seed
//   node scripts/mutate.mjs --threshold 85                   fails below; per folder, in a sample over all
//   node scripts/mutate.mjs --json                           as JSON
//   node scripts/mutate.mjs --list                           names them and tries none
//
// It compiles nothing: `npm run mutate` does that before. The tests run first without any mistake, which
// tells how long each file takes and what it executes; only tests that execute the place are asked.
// A mistake that changes nothing is excluded by a comment at its line:
//   // equivalent mutants: comparison: both are equal here
import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { compile, mutantsOf, withoutEquivalent } from './mutants.mjs'
import {
  belowThreshold,
  describeResults,
  globPattern,
  locator,
  sample,
  scores,
  survivorLine,
} from './mutation-report.mjs'
import { baseline, inParallel, makeCopy, removeCopy, tryMutant } from './mutation-run.mjs'

const ROOT = dirname(import.meta.dirname)

function readOptions() {
  const { values } = parseArgs({
    options: {
      files: { type: 'string', default: ['src/core/**'], multiple: true },
      sample: { type: 'string' },
      seed: { type: 'string' },
      threshold: { type: 'string', default: '0' },
      workers: { type: 'string', default: String(Math.min(8, availableParallelism())) },
      json: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
    },
  })
  const seed = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed)
  const count = values.sample === undefined ? Infinity : Number(values.sample)
  const numbers = {
    seed,
    count,
    threshold: Number(values.threshold),
    workers: Number(values.workers),
  }
  for (const [name, number] of Object.entries(numbers))
    if (Number.isNaN(number)) throw new TypeError(`mutate: ${name} must be a number`)
  return { ...values, ...numbers }
}

/** Every file of core, compiled, with its mutants. */
function readSources() {
  return readdirSync(join(ROOT, 'src/core'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .sort()
    .map((name) => {
      const path = `src/core/${name}`
      const text = readFileSync(join(ROOT, path), 'utf8')
      const { code, map } = compile(path, text)
      const locate = locator(text, code, JSON.parse(map).mappings)
      const all = mutantsOf(path, text).map((one) => ({ ...one, offset: locate(one.start) }))
      return { path, text, code, ...withoutEquivalent(path, text, all) }
    })
}

async function tryAll(chosen, sources, { workers, json }) {
  const bySource = new Map(sources.map((source) => [source.path, source]))
  const folders = Array.from({ length: workers }, () => makeCopy(sources))
  const results = []
  let reported = 0
  try {
    const tests = await baseline(folders)
    const broken = tests.filter(({ result }) => result !== 'passed')
    if (broken.length > 0)
      throw new Error(`The tests fail by themselves: ${broken.map(({ test }) => test).join(', ')}`)
    await inParallel(chosen, workers, async (mutant, number) => {
      const source = bySource.get(mutant.path)
      results.push(await tryMutant({ mutant, source, folder: folders[number], tests }))
      const percent = Math.floor((results.length * 10) / chosen.length) * 10
      if (!json && percent > reported) console.error(`mutate: ${(reported = percent)} %`)
    })
  } finally {
    for (const folder of folders) removeCopy(folder)
  }
  return results.sort(
    (a, b) => (a.path < b.path ? -1 : Number(a.path > b.path)) || a.start - b.start,
  )
}

async function main() {
  const options = readOptions()
  const sources = readSources()
  const patterns = options.files.map(globPattern)
  const wanted = sources.filter(({ path }) => patterns.some((pattern) => pattern.test(path)))
  const all = wanted.flatMap(({ mutants }) => mutants)
  const excluded = wanted.reduce((sum, source) => sum + source.excluded, 0)
  const chosen = sample(all, options.count, options.seed)
  const problems = wanted.flatMap((source) => source.problems)
  if (chosen.length === 0) problems.push(`no mutants in ${options.files.join(' ')}`)
  const isSample = chosen.length < all.length
  const part = isSample
    ? `${chosen.length} of ${all.length}, seed ${options.seed}`
    : `${all.length}`
  console.error(`mutate: ${part} mutants in ${wanted.length} files; ${excluded} are equivalent`)
  if (options.list) {
    for (const mutant of chosen) console.log(survivorLine(mutant))
    return problems
  }
  const started = performance.now()
  const results = await tryAll(chosen, sources, options)
  const seconds = Math.round((performance.now() - started) / 1000)
  const survivors = results.filter(({ result }) => ['survived', 'uncovered'].includes(result))
  const report = { seed: options.seed, isSample, seconds, excluded, ...scores(results), survivors }
  console.log(options.json ? JSON.stringify(report, null, 2) : describeResults(results))
  console.error(`mutate: ${seconds} s`)
  return [...problems, ...belowThreshold(results, options.threshold, isSample)]
}

const problems = await main()
for (const problem of problems) console.error(`mutate: ${problem}`)
process.exitCode = problems.length === 0 ? 0 : 1
