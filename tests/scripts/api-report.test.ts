// Goal: the report of the public names has each of them, and tells values from types.
// Method: gives scripts/api-report.mjs declaration files in a temporary folder.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import ts from 'typescript'
import { scriptModule } from '../helpers/script-module.js'

interface Name {
  readonly name: string
  readonly isRuntime: boolean
  readonly code: string
}

const { entriesOf, namesIn, describeEntry } = await scriptModule<{
  entriesOf(manifest: { name: string; exports: object }): readonly { name: string; types: string }[]
  namesIn(program: ts.Program, file: string): readonly Name[]
  describeEntry(entry: string, names: readonly Name[]): string
}>('api-report.mjs')

const folder = mkdtempSync(join(tmpdir(), 'dmabuf-api-'))
after(() => rmSync(folder, { recursive: true }))

function namesOf(entry: string, other = ''): readonly Name[] {
  writeFileSync(join(folder, 'entry.d.ts'), entry)
  writeFileSync(join(folder, 'other.d.ts'), other)
  const file = join(folder, 'entry.d.ts')
  return namesIn(ts.createProgram([file], { types: [] }), file)
}

test('entriesOf takes the entries that have types, also those for Node alone', () => {
  const exports = {
    '.': { types: './a.d.ts', default: './a.js' },
    './linux': { node: { types: './b.d.ts' }, default: './c.js' },
    './package.json': './package.json',
  }
  assert.deepEqual(entriesOf({ name: 'dmabuf', exports }), [
    { name: 'dmabuf', types: './a.d.ts' },
    { name: 'dmabuf/linux', types: './b.d.ts' },
  ])
})

test('namesIn tells what is there at run time', () => {
  const other = 'export declare class A {}\nexport interface B {}\nexport declare const c: number\n'
  const entry = "export { A, type B } from './other.js'\nexport type { A as D } from './other.js'\n"
  const names = namesOf(`${entry}export { c } from './other.js'\n`, other)
  assert.deepEqual(
    names.map(({ name, isRuntime }) => [name, isRuntime]),
    [
      ['A', true],
      ['B', false],
      ['D', false],
      ['c', true],
    ],
  )
})

test('namesIn has the signature without comments and private fields', () => {
  const entry =
    '/** Doc. */\nexport declare class A {\n  #private;\n  /** More. */\n  b(): void;\n}\n'
  assert.equal(namesOf(entry)[0]?.code.replaceAll(/\s+/g, ' '), 'class A { b(): void; }')
})

test('namesIn leaves out what is marked as internal', () => {
  const entry =
    'export declare class A {\n  /** @internal */\n  constructor();\n  /** Not. */\n  b(): void;\n}\n'
  assert.equal(namesOf(entry)[0]?.code.replaceAll(/\s+/g, ' '), 'class A { b(): void; }')
})

test('namesIn has every overload', () => {
  const entry = 'export declare function f(a: 1): 2\nexport declare function f(a: 3): 4\n'
  assert.equal(namesOf(entry)[0]?.code.split('\n').length, 2)
})

test('describeEntry counts, and says how many there may be', () => {
  const names = namesOf('export declare const a: 1\nexport interface B {}\n')
  assert.match(
    describeEntry('dmabuf', names),
    /\n1 names at run time \(at most 40\), 1 names of types/,
  )
  assert.match(describeEntry('dmabuf/linux', names), /\n1 names at run time, 1 names of types/)
})
