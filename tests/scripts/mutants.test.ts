// Goal: each kind of mistake is made where it changes something, and nowhere else.
// Method: gives scripts/mutants.mjs one line at a time, and compares the lines that come out.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { scriptModule } from '../helpers/script-module.js'

interface Mutant {
  readonly path: string
  readonly kind: string
  readonly start: number
  readonly end: number
  readonly replacement: string
  readonly line: number
}

interface Exclusion {
  readonly mutants: readonly Mutant[]
  readonly excluded: number
  readonly problems: readonly string[]
}

const { apply, compile, mutantsOf, withoutEquivalent } = await scriptModule<{
  mutantsOf(path: string, source: string): readonly Mutant[]
  withoutEquivalent(path: string, source: string, mutants: readonly Mutant[]): Exclusion
  apply(source: string, mutant: Mutant): string
  compile(path: string, source: string): { code: string; map: string }
}>('mutants.mjs')

/** The source with each mistake of one kind. */
function changed(kind: string, source: string): readonly string[] {
  return mutantsOf('a.ts', source)
    .filter((mutant) => mutant.kind === kind)
    .map((mutant) => apply(source, mutant))
}

interface Case {
  readonly what: string
  readonly kind: string
  readonly source: string
  readonly result: readonly string[]
}

const CASES: readonly Case[] = [
  {
    what: 'both neighbours of an order',
    kind: 'comparison',
    source: 'a < b',
    result: ['a <= b', 'a >= b'],
  },
  { what: 'the other equality', kind: 'comparison', source: 'a === b', result: ['a !== b'] },
  { what: 'sums', kind: 'arithmetic', source: 'a + b', result: ['a - b'] },
  { what: 'no sums of text', kind: 'arithmetic', source: "a + 'b' + c", result: [] },
  { what: 'shifts', kind: 'arithmetic', source: 'a >>> 1', result: ['a << 1'] },
  { what: 'counting', kind: 'arithmetic', source: 'a++', result: ['a--'] },
  { what: 'and', kind: 'logical', source: 'a && b', result: ['a || b'] },
  { what: 'a fallback', kind: 'logical', source: 'a ?? b', result: ['a && b'] },
  { what: 'not', kind: 'logical', source: '!a', result: ['!!a'] },
  {
    what: 'conditions to both constants',
    kind: 'condition',
    source: 'if (a) b()',
    result: ['if (true) b()', 'if (false) b()'],
  },
  {
    what: 'no loop to one without end',
    kind: 'condition',
    source: 'while (a) b()',
    result: ['while (false) b()'],
  },
  { what: 'calls away', kind: 'statement', source: 'a()', result: [';'] },
  { what: 'assignments away', kind: 'statement', source: 'a = 1', result: [';'] },
  {
    what: 'no throw that goes with its condition',
    kind: 'statement',
    source: 'if (a) throw b',
    result: [],
  },
  {
    what: 'bodies of two statements away',
    kind: 'block',
    source: 'function f() { a(); b() }',
    result: ['function f() {}'],
  },
  {
    what: 'no body of one statement away',
    kind: 'block',
    source: 'function f() { a() }',
    result: [],
  },
  {
    what: 'results to nothing',
    kind: 'return',
    source: 'function f() { return a }',
    result: ['function f() { return undefined }'],
  },
  {
    what: 'no results that are constants already',
    kind: 'return',
    source: 'function f() { return null }',
    result: [],
  },
  { what: 'numbers', kind: 'constant', source: 'f(7)', result: ['f((7 + 1))'] },
  { what: 'truths', kind: 'constant', source: 'f(true)', result: ['f(false)'] },
  { what: 'words', kind: 'constant', source: "f('a')", result: ["f('')"] },
  { what: 'lists', kind: 'constant', source: 'f([a])', result: ['f([])'] },
  { what: 'no words of types', kind: 'constant', source: "let a: 'x' | 'y'", result: [] },
  { what: 'no names of fields', kind: 'constant', source: "f({ 'a': b })", result: [] },
  { what: 'no imported path', kind: 'constant', source: "import { a } from 'b'", result: [] },
  {
    what: 'the name of an error, but not its text',
    kind: 'constant',
    source: "throw new DmaBufError('EIO', 'op', 'Text', { rule: 'A-1' })",
    result: ["throw new DmaBufError('', 'op', 'Text', { rule: 'A-1' })"],
  },
  { what: 'no text of a warning', kind: 'constant', source: "warn({ message: 'a' })", result: [] },
  { what: 'what may be absent', kind: 'optional', source: 'a?.b', result: ['a.b'] },
  { what: 'calls of what may be absent', kind: 'optional', source: 'a?.()', result: ['a()'] },
]

for (const { what, kind, source, result } of CASES)
  test(`mutantsOf changes ${what}`, () => {
    assert.deepEqual(changed(kind, source), result)
  })

test('mutantsOf names the line of the change', () => {
  const lines = mutantsOf('a.ts', 'f()\n\n  g(1)').map(({ kind, line }) => `${kind} ${line}`)
  assert.deepEqual(lines, ['statement 1', 'statement 3', 'constant 3'])
})

function exclude(source: string): Exclusion {
  return withoutEquivalent('a.ts', source, mutantsOf('a.ts', source))
}

test('A comment excludes the kinds it names on its own line', () => {
  const { mutants, excluded, problems } = exclude('f(1) // equivalent mutants: constant: why')
  assert.deepEqual([mutants.map(({ kind }) => kind), excluded, problems], [['statement'], 1, []])
})

test('A comment on a line of its own excludes on the next line of code', () => {
  const { excluded } = exclude(
    '// equivalent mutants: constant, statement: why\n// more\nf(1)\ng(2)',
  )
  assert.equal(excluded, 2)
})

test('A comment without reason, of an unknown kind, or for nothing is a problem', () => {
  assert.equal(exclude('f(1) // equivalent mutants: constant').problems.length, 1)
  assert.equal(exclude('f(1) // equivalent mutants: constants: why').problems.length, 1)
  assert.equal(exclude('f(1) // equivalent mutants: optional: why').problems.length, 1)
})

test('compile takes types away and keeps what runs', () => {
  const { code } = compile('a.ts', "import type { A } from './a.js'\nexport const b: number = 1\n")
  assert.equal(code.trim(), 'export const b = 1;')
})
