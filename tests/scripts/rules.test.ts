// Goal: the comparison of rules and tests misses nothing, and takes nothing for held that is not.
// Method: calls the functions of scripts/rules.mjs with small documents and test files.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { scriptModule } from '../helpers/script-module.js'

interface Rule {
  readonly id: string
  readonly section: string
  readonly text: string
  readonly mark?: 'later' | 'not applicable'
  readonly reason?: string
}

interface Title {
  readonly path: string
  readonly text: string
  readonly line: number
}

interface Report {
  readonly rules: readonly string[]
  readonly cited: readonly string[]
  readonly later: readonly string[]
  readonly notApplicable: readonly string[]
  readonly uncited: readonly string[]
}

const { readRules, titlesIn, citationsIn, compare } = await scriptModule<{
  readRules(markdown: string): readonly Rule[]
  titlesIn(path: string, source: string): readonly Title[]
  citationsIn(title: string): { ids: readonly string[]; malformed: readonly string[] }
  compare(
    rules: readonly Rule[],
    titles: readonly Title[],
  ): {
    report: Report
    tests: ReadonlyMap<string, readonly string[]>
    problems: readonly string[]
  }
}>('rules.mjs')

const rule = (id: string, mark?: string): string => `- **${id}** Something${mark ?? ''}.`
const titles = (source: string): readonly string[] =>
  titlesIn('a.test.ts', source).map(({ text }) => text)
const titled = (text: string): readonly Title[] => [{ path: 'a.test.ts', text, line: 1 }]

test('readRules takes the lines that begin with an id, with what continues them', () => {
  const text = '## Fences (FENCE)\n\n- **FENCE-1** One\n  and more.\n- no rule\n- **T-F1** Two.\n'
  assert.deepEqual(readRules(text), [
    { id: 'FENCE-1', section: 'Fences (FENCE)', text: 'One and more.' },
    { id: 'T-F1', section: 'Fences (FENCE)', text: 'Two.' },
  ])
})

test('readRules reads a mark at the end of a rule, and nowhere else', () => {
  const marks = (line: string): unknown => {
    const [found] = readRules(line)
    return found && [found.mark, found.reason]
  }
  assert.deepEqual(marks('- **A-1** X. (later: the kernel (real))'), ['later', 'the kernel (real)'])
  assert.deepEqual(marks('- **A-1** X. (not applicable: why)'), ['not applicable', 'why'])
  assert.deepEqual(marks('- **A-1** X (later: no) Y.'), [undefined, undefined])
})

const TITLES = [
  ['the first argument of test()', "test('one [A-1]', () => {})", 'one [A-1]'],
  ['it(), suite() and describe()', "it('a'); suite('b'); describe('c')", 'a|b|c'],
  ['subtests', "await t.test('one', () => {})", 'one'],
  ['test.only()', "test.only('one')", 'one'],
  ['no skipped test', "test.skip('one'); test('two', { skip: true }, f)", ''],
  ['no test that is still to do', "test.todo('one'); test('two', { todo: 'later' }, f)", ''],
  ['a test skipped on some machines', "test('one', { skip: absent }, f)", 'one'],
  ['templates', 'test(`${name} waits [A-1]`, f)', '\0 waits [A-1]'],
  ['sums', "test('a ' + b + ' [A-1]', f)", 'a \0 [A-1]'],
  ['rows with a title', "const rows = [{ title: 'one [A-1]' }]", 'one [A-1]'],
  ['rows that begin with it', "const rows = [['one [A-1]', 'two']]", 'one [A-1]'],
  ['no other text', "assert.ok(x, 'one [A-1]'); f('two'); // three [A-1]", ''],
] as const

for (const [what, source, expected] of TITLES)
  test(`titlesIn finds ${what}`, () => {
    assert.equal(titles(source).join('|'), expected)
  })

test('citationsIn takes brackets that hold ids and commas', () => {
  const title = 'a[0] and [maybe] wait [FENCE-1, T-F10, T-R]'
  assert.deepEqual(citationsIn(title), { ids: ['FENCE-1', 'T-F10', 'T-R'], malformed: [] })
})

test('citationsIn refuses a range, and an id beside words', () => {
  assert.deepEqual(citationsIn('waits [ARR-1..3]').malformed, ['[ARR-1..3]'])
  assert.deepEqual(citationsIn('waits [ARR-1 too]').malformed, ['[ARR-1 too]'])
})

test('compare sorts the rules into cited, later, not applicable and uncited', () => {
  const rules = readRules(
    [rule('A-1'), rule('A-2'), rule('A-3', ' (later: x)').slice(0, -1)].join('\n'),
  )
  const { report, problems } = compare(rules, titled('one [A-1]'))
  assert.deepEqual(report, {
    rules: ['A-1', 'A-2', 'A-3'],
    cited: ['A-1'],
    later: ['A-3'],
    notApplicable: [],
    uncited: ['A-2'],
  })
  assert.deepEqual(problems, [])
})

test('compare finds an id that no rule has, and a rule that stands twice', () => {
  const { problems } = compare(readRules(`${rule('A-1')}\n${rule('A-1')}`), titled('one [A-2]'))
  assert.deepEqual(problems, ['docs/rules.md has A-1 twice', 'a.test.ts:1: no such rule: A-2'])
})

test('compare finds a test that holds what is marked as not applicable', () => {
  const rules = readRules('- **A-1** X. (not applicable: why)')
  const { problems, report } = compare(rules, titled('one [A-1]'))
  assert.deepEqual(problems, ['A-1 is marked as not applicable, and held by a test'])
  assert.deepEqual(report.notApplicable, ['A-1'])
})
