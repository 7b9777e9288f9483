// Goal: every name that the package exports at run time is in an example, all of which the gate executes.
// Method: reads the examples as syntax trees: imports, since a name in a comment shows nothing.
import assert from 'node:assert/strict'
import { basename } from 'node:path'
import { test } from 'node:test'
import * as framework from '#src/framework.js'
import * as users from '#src/index.js'
import * as linux from '#src/linux/index.js'
import * as testing from '#src/testing/index.js'
import * as threads from '#src/threads/index.js'
import ts from 'typescript'
import { filesUnder, parse } from './helpers/source-tree.js'

const programs = filesUnder('examples', '.ts').filter((path) => /^\d\d-/.test(basename(path)))
const entries = { dmabuf: users, framework, testing, threads, linux }

/** What a file imports from an entry of the package, as `entry name`. */
function importsOf(path: string): readonly string[] {
  return parse(path).statements.flatMap((statement) => {
    if (!ts.isImportDeclaration(statement)) return []
    const from = (statement.moduleSpecifier as ts.StringLiteral).text
    const named = statement.importClause?.namedBindings
    if (!/^dmabuf(\/|$)/.test(from) || named === undefined || !ts.isNamedImports(named)) return []
    const entry = from.replace('dmabuf/', '')
    return named.elements
      .filter(({ isTypeOnly }) => !isTypeOnly)
      .map(({ name, propertyName }) => `${entry} ${(propertyName ?? name).text}`)
  })
}

const used = new Set(programs.flatMap(importsOf))

for (const [entry, names] of Object.entries(entries))
  test(`Every name of ${entry} is in an example`, () => {
    const missing = Object.keys(names).filter((name) => !used.has(`${entry} ${name}`))
    assert.deepEqual(missing, [])
  })

test('The examples in JavaScript use the names that those in TypeScript use', () => {
  assert.ok(programs.length >= 19)
  for (const path of programs) {
    const twin = path.replace(/\.ts$/, '.js')
    assert.deepEqual([...importsOf(twin)].sort(), [...importsOf(path)].sort(), twin)
  }
})
