// Goal: docs/security.md promises nothing that no test shows.
// Method: looks up every test that it names by file and first words.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ROOT, textOf } from '../helpers/source-tree.js'

interface Claim {
  readonly file: string
  readonly title: string
}

function claims(): readonly Claim[] {
  const text = textOf('docs/security.md').replaceAll(/\s+/g, ' ')
  const named = text.matchAll(/`(tests\/[^`]+\.test\.ts)`: ([^|)]+?)(?= \||\))/g)
  return [...named].map(([, file = '', title = '']) => ({ file, title }))
}

test('docs/security.md names a test for every line of its tables', () => {
  const rows = textOf('docs/security.md')
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.includes('| shown by |'))
  assert.ok(rows.length > 20)
  const bare = rows.filter((row) => !/`tests\/[^`]+\.test\.ts`: /.test(row))
  assert.deepEqual(bare, [])
})

test('docs/security.md names tests that there are', () => {
  const all = claims()
  assert.ok(all.length > 20)
  const missing = all.filter(
    ({ file, title }) => !existsSync(join(ROOT, file)) || !textOf(file).includes(title),
  )
  assert.deepEqual(missing, [])
})
