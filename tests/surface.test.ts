// Goal: what was given up on the way to today's dma-buf is not here either, and what every warning, every
// number and every reference has to be like holds in all files.
// Method: reads the names, calls and constants of the sources as syntax trees.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import ts from 'typescript'
import { declaredNames } from './helpers/declared-names.js'
import { filesUnder, parse, textOf } from './helpers/source-tree.js'

const sources = filesUnder('src', '.ts').filter((path) => !path.startsWith('src/cli/'))
const named = sources.flatMap((path) => [...declaredNames(path)].map((name) => ({ path, name })))

/** The names that contain a word, whatever their case. */
function namesWith(pattern: RegExp): readonly string[] {
  return named.filter(({ name }) => pattern.test(name)).map(({ path, name }) => `${path}: ${name}`)
}

/** All nodes of the sources. */
function* nodes(paths: readonly string[]): Generator<readonly [string, ts.Node]> {
  for (const path of paths) {
    const queue: ts.Node[] = [parse(path)]
    for (let node = queue.pop(); node; node = queue.pop()) {
      yield [path, node]
      ts.forEachChild(node, (child) => void queue.push(child))
    }
  }
}

test('The names of the sources are found', () => {
  assert.equal(namesWith(/^DmaBuf\.dup$/).length, 1)
  assert.ok(namesWith(/^exportBuffer$/).length >= 1)
})

test('Nothing maps page by page [CPU-16]', () => {
  assert.deepEqual(namesWith(/\bk(un)?map|mapAtomic|mapPage$/i), [])
})

test('Nothing maps or fails instead of waiting [ATT-35, PROP-19]', () => {
  assert.deepEqual(namesWith(/\btry_?map/i), [])
})

test('Nothing counts the mappings of an attachment, nor lists attachments in the statistics [PROP-18]', () => {
  assert.deepEqual(namesWith(/(?<!v)map_?count/i), [])
})

test('What came and went is not here [TL-0]', () => {
  const gone = [
    /exportNamed|export_named/i, // a named and an unnamed export
    /debugfsCreate|createDebug/i, // a helper for further debugging files
    /^ExporterOps\.(isDynamic|dynamic)$|^ExportInfo\.(isDynamic|dynamic)$/, // flags for being dynamic
    /(add|get|set)(Shared|Exclusive|Excl)/i, // one exclusive and many shared fences
    /(prepare|finish)Access/i, // ioctls without direction
    /bufferMutex|BufferObject\.lock$/, // a second lock
  ]
  assert.deepEqual(gone.flatMap(namesWith), [])
})

test('Numbers and structures of the ABI are in src/uapi alone [PROP-9]', () => {
  const stray = named
    .filter(({ path }) => !path.startsWith('src/uapi/'))
    .filter(({ name }) => /IOCTL_|_IOC_|^(DMA_BUF|DMA_HEAP|SW_SYNC|SYNC)_[A-Z_]+$/.test(name))
  assert.deepEqual(stray, [])
})

test('Garbage collection decides nothing but reports of leaks [PORT-5]', () => {
  const users = sources.filter((path) =>
    /\bFinalizationRegistry\b/.test(textOf(path).replaceAll(/\/\/.*|\/\*[\s\S]*?\*\//g, '')),
  )
  assert.deepEqual(
    users.filter((path) => path.startsWith('src/core/')),
    ['src/core/leak-watch.ts'],
  )
})

test('Every warning and every bug names its rule [PORT-11]', () => {
  const nameless: string[] = []
  for (const [path, node] of nodes(sources)) {
    if (!ts.isCallExpression(node)) continue
    const [first] = node.arguments
    const callee = node.expression.getText()
    if (callee === 'bug' && !(first && ts.isStringLiteral(first) && isRule(first.text)))
      nameless.push(`${path}: ${node.getText()}`)
    if (callee === 'warn' && first && ts.isObjectLiteralExpression(first) && !hasRule(first))
      nameless.push(`${path}: ${node.getText()}`)
  }
  assert.deepEqual(nameless, [])
})

function isRule(id: string): boolean {
  return /^[A-Z]+-[A-Z]?\d+$/.test(id)
}

function hasRule(warning: ts.ObjectLiteralExpression): boolean {
  return warning.properties.some((property) => property.name?.getText() === 'rule')
}

test('Every rule that the sources name is a rule', () => {
  const rules = new Set(textOf('docs/rules.md').match(/(?<=^- \*\*)[A-Z]+-[A-Z]?\d+(?=\*\*)/gm))
  const families = [...new Set([...rules].map((id) => id.replace(/-.*/, '')))].join('|')
  const unknown = filesUnder('src', '.ts').flatMap((path) =>
    [...textOf(path).matchAll(new RegExp(`\\b(?:${families})-[A-Z]?\\d+\\b`, 'g'))]
      .map(([id]) => id)
      .filter((id) => !rules.has(id))
      .map((id) => `${path}: ${id}`),
  )
  assert.deepEqual(unknown, [])
})
