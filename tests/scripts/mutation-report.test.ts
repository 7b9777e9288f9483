// Goal: the numbers of a mutation run are right, and a mutant is given to the tests that get there.
// Method: calls the functions of scripts/mutation-report.mjs and mutation-run.mjs with made-up results.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { scriptModule } from '../helpers/script-module.js'

interface Result {
  readonly path: string
  readonly result: 'killed' | 'timeout' | 'survived' | 'uncovered'
}

interface Score {
  readonly total: number
  readonly score: number
}

interface Range {
  readonly startOffset: number
  readonly endOffset: number
  readonly count: number
}

interface Ran {
  readonly test: string
  readonly ms: number
  readonly ranges: ReadonlyMap<string, readonly (readonly Range[])[]>
}

const report = await scriptModule<{
  locator(source: string, code: string, mappings: string): (position: number) => number
  sample<T>(list: readonly T[], count: number, seed: number): readonly T[]
  globPattern(glob: string): RegExp
  scoreOf(results: readonly Result[]): Score
  scores(results: readonly Result[]): {
    total: Score
    folders: Record<string, Score>
    files: Record<string, Score>
  }
  belowThreshold(results: readonly Result[], threshold: number, isSample: boolean): string[]
}>('mutation-report.mjs')
const { isCovered, testsFor } = await scriptModule<{
  isCovered(lists: readonly (readonly Range[])[] | undefined, offset: number): boolean
  testsFor(mutant: { path: string; offset: number }, tests: readonly Ran[]): readonly Ran[]
}>('mutation-run.mjs')
const { compile } = await scriptModule<{
  compile(path: string, source: string): { code: string; map: string }
}>('mutants.mjs')

const RESULTS: readonly Result[] = [
  { path: 'src/core/fence/fence.ts', result: 'killed' },
  { path: 'src/core/fence/fence.ts', result: 'timeout' },
  { path: 'src/core/fence/order.ts', result: 'survived' },
  { path: 'src/core/buffer/buffer.ts', result: 'uncovered' },
]

test('scoreOf counts what was killed or hung, and nothing else', () => {
  assert.equal(report.scoreOf(RESULTS).score, 50)
  assert.equal(report.scoreOf([]).score, 100)
})

test('scores has one for each folder and each file', () => {
  const { folders, files, total } = report.scores(RESULTS)
  assert.equal(total.total, 4)
  assert.deepEqual(Object.keys(folders), ['src/core/buffer', 'src/core/fence'])
  assert.equal(folders['src/core/fence']?.score, 66.7)
  assert.equal(files['src/core/fence/order.ts']?.score, 0)
})

test('belowThreshold judges each folder, and of a sample the whole', () => {
  assert.equal(report.belowThreshold(RESULTS, 66.7, false).length, 1)
  assert.equal(report.belowThreshold(RESULTS, 66.8, false).length, 2)
  assert.equal(report.belowThreshold(RESULTS, 50, true).length, 0)
  assert.equal(report.belowThreshold(RESULTS, 50.1, true).length, 1)
})

test('sample takes the same by the same seed, in the order of the list', () => {
  const list = Array.from({ length: 50 }, (_, index) => index)
  const chosen = report.sample(list, 10, 7)
  assert.equal(chosen.length, 10)
  assert.deepEqual(report.sample(list, 10, 7), chosen)
  assert.notDeepEqual(report.sample(list, 10, 8), chosen)
  assert.deepEqual(
    [...chosen].sort((a, b) => a - b),
    chosen,
  )
  assert.deepEqual(report.sample(list, Infinity, 7), list)
})

test('globPattern knows stars, alternatives and plain parts of a path', () => {
  const matches = (glob: string, path: string): boolean => report.globPattern(glob).test(path)
  assert.ok(matches('src/core/{fence,buffer}/**', 'src/core/buffer/a/b.ts'))
  assert.ok(!matches('src/core/{fence,buffer}/**', 'src/core/heap/a.ts'))
  assert.ok(matches('src/core/*.ts', 'src/core/warn.ts'))
  assert.ok(!matches('src/core/*.ts', 'src/core/fence/fence.ts'))
  assert.ok(matches('fence.ts', 'src/core/fence/fence.ts'))
})

test('locator finds what the compiler made of a place in the source', () => {
  const source = 'type A = 1\nexport function f(a: number): number {\n  return a + 7\n}\n'
  const { code, map } = compile('a.ts', source)
  const { mappings } = JSON.parse(map) as { mappings: string }
  const locate = report.locator(source, code, mappings)
  assert.equal(locate(source.indexOf('7')), code.indexOf('7'))
  assert.equal(locate(source.indexOf('type')), -1)
})

test('isCovered believes the smallest range around a place', () => {
  const ranges = [
    { startOffset: 0, endOffset: 100, count: 1 },
    { startOffset: 40, endOffset: 60, count: 0 },
  ]
  assert.deepEqual(
    [39, 40, 59, 60, 100].map((offset) => isCovered([ranges], offset)),
    [true, false, false, true, false],
  )
  assert.ok(!isCovered(undefined, 0))
})

test('testsFor puts the test of the file first, then its folder, then what is fast', () => {
  const ranges = new Map([
    ['dist/core/fence/fence.js', [[{ startOffset: 0, endOffset: 9, count: 1 }]]],
  ])
  const ran = (name: string, ms: number, covers = true): Ran => ({
    test: name,
    ms,
    ranges: covers ? ranges : new Map(),
  })
  const tests = [
    ran('core/wait.test.js', 1),
    ran('core/buffer/buffer.test.js', 3),
    ran('core/fence/order.test.js', 9),
    ran('core/fence/fence.race.test.js', 50),
    ran('core/fence/fence.test.js', 40),
    ran('core/fence/stub.test.js', 1, false),
  ]
  const asked = testsFor({ path: 'src/core/fence/fence.ts', offset: 5 }, tests)
  assert.deepEqual(
    asked.map((one) => one.test),
    [
      'core/fence/fence.test.js',
      'core/fence/fence.race.test.js',
      'core/fence/order.test.js',
      'core/wait.test.js',
      'core/buffer/buffer.test.js',
    ],
  )
})
