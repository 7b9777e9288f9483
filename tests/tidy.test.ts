// Goal: the order of the house is a fact, not an intention.
// Method: reads the sources as text and as syntax trees; what may import what is in scripts/zones.json.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { basename, dirname } from 'node:path'
import ts from 'typescript'
import {
  filesUnder,
  findCycle,
  importsOf,
  parse,
  resolveImport,
  textOf,
  type Import,
} from './helpers/source-tree.js'

interface Zones {
  readonly zones: Readonly<
    Record<string, { readonly zones: string[]; readonly packages: string[] }>
  >
  readonly entryZones: readonly string[]
  readonly entries: readonly string[]
  readonly coreLayers: readonly (readonly string[])[]
}

const MAX_LINES = 400
const rules = JSON.parse(textOf('scripts/zones.json')) as Zones
const sources = filesUnder('src', '.ts')

/** `src/core/fence/fence.ts` → `core`; `src/index.ts` → `undefined`. */
function zoneOf(path: string): string | undefined {
  const [, zone, ...rest] = path.split('/')
  return rest.length > 0 ? zone : undefined
}

/** The place of a file of core in the order of its layers; -1 for a name the order does not know. */
function layerOf(path: string): number {
  const name = path.split('/')[2]?.replace(/\.ts$/, '') ?? ''
  return rules.coreLayers.findIndex((layer) => layer.includes(name))
}

function importProblem(path: string, specifier: string): string | undefined {
  const zone = zoneOf(path)
  const allowed = zone === undefined ? undefined : rules.zones[zone]
  const target = resolveImport(path, specifier)
  if (target === undefined) {
    const packages = allowed?.packages ?? []
    if (packages.some((name) => specifier.startsWith(name))) return undefined
    return `${path}: package ${specifier}`
  }
  const targetZone = zoneOf(target)
  if (!sources.includes(target)) return `${path}: no such file ${target}`
  if (targetZone === undefined) return `${path}: entry ${target}`
  if (zone !== targetZone) {
    const zones = allowed?.zones ?? rules.entryZones
    return zones.includes(targetZone) ? undefined : `${path}: zone ${targetZone}`
  }
  const turnsBack = zone === 'core' && layerOf(target) > layerOf(path)
  return turnsBack ? `${path}: layer of ${target}` : undefined
}

function relativeImports(path: string, kinds: readonly Import['kind'][]): readonly string[] {
  return importsOf(path)
    .filter(({ kind }) => kinds.includes(kind))
    .map(({ specifier }) => resolveImport(path, specifier))
    .filter((target) => target !== undefined)
}

test('Every folder of src is a zone, and every part of core has its layer', () => {
  const unknown = sources.filter((path) => {
    const zone = zoneOf(path)
    if (zone === undefined) return !rules.entries.includes(path.replace(/^src\//, ''))
    return !(zone in rules.zones) || (zone === 'core' && layerOf(path) === -1)
  })
  assert.deepEqual(unknown, [], 'Name it in scripts/zones.json')
})

test('Each zone tells the compiler the same order as scripts/zones.json', () => {
  for (const [zone, { zones }] of Object.entries(rules.zones)) {
    const { references } = JSON.parse(textOf(`src/${zone}/tsconfig.json`)) as {
      references: { path: string }[]
    }
    assert.deepEqual(references.map(({ path }) => path.replace('../', '')).sort(), zones.sort())
  }
})

test('A file imports only the zones, layers and packages that are below it', () => {
  const problems = sources.flatMap((path) =>
    importsOf(path)
      .map(({ specifier }) => importProblem(path, specifier))
      .filter((problem) => problem !== undefined),
  )
  assert.deepEqual(problems, [])
})

test('Imports make no cycle at run time', () => {
  const edges = sources.map((path) => [path, relativeImports(path, ['code'])] as const)
  assert.deepEqual(findCycle(new Map(edges)), [])
})

test(`No file is longer than ${String(MAX_LINES)} lines, unless its first line says why`, () => {
  const files = [
    ...sources,
    ...filesUnder('native', '.c'),
    ...filesUnder('native', '.h'),
    ...filesUnder('scripts', '.mjs'),
    ...filesUnder('bench', '.ts'),
  ]
  const long = files.filter((path) => {
    const lines = textOf(path).trimEnd().split('\n')
    return lines.length > MAX_LINES && !/max-lines.*--/.test(lines[0] ?? '')
  })
  assert.deepEqual(long, [])
})

test('Every source that does something has a test of the same path', () => {
  const tests = new Set(filesUnder('tests', '.test.ts'))
  const missing = sources
    .filter((path) => basename(path) !== 'index.ts')
    .filter((path) => !tests.has(path.replace(/^src/, 'tests').replace(/\.ts$/, '.test.ts')))
    .filter((path) => !holdsTypesOnly(path))
  assert.deepEqual(missing, [])
})

test('A test of the mirrored tree has its source', () => {
  const orphans = filesUnder('tests', '.test.ts')
    .filter((path) => (path.split('/')[1] ?? '') in rules.zones)
    // The kernel's own suites, st-dma-resv, sync-kselftest and the like, are about a whole folder.
    .filter((path) => !/^st-|-kselftest\.test\.ts$/.test(basename(path)))
    .map((path) => path.replace(/^tests/, 'src').replace(/\.test\.ts$/, ''))
    // fence.race.test.ts may stand beside fence.test.ts, and fence/race.test.ts below it.
    .map((path) => path.replace(/\.[^/]*$/, ''))
    .filter((path) => !sources.includes(`${path}.ts`) && !sources.includes(`${dirname(path)}.ts`))
  assert.deepEqual(orphans, [])
})

/** A file of which the compiler leaves nothing has nothing to run. */
function holdsTypesOnly(path: string): boolean {
  return parse(path).statements.every(
    (statement) =>
      ts.isInterfaceDeclaration(statement) ||
      ts.isTypeAliasDeclaration(statement) ||
      ts.isImportDeclaration(statement) ||
      (ts.isExportDeclaration(statement) && statement.isTypeOnly),
  )
}

test('Nothing is left to do in the code', () => {
  const words = new RegExp(
    `\\b(${['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X', 'HA' + 'CK'].join('|')})\\b`,
  )
  const files = [
    ...sources,
    ...['tests', 'bench', 'examples'].flatMap((folder) => filesUnder(folder, '.ts')),
    ...filesUnder('scripts', '.mjs'),
    ...filesUnder('native', '.c'),
    ...filesUnder('native', '.h'),
  ]
  assert.deepEqual(
    files.filter((path) => words.test(textOf(path))),
    [],
  )
})

test('Every source is reached from an entry', () => {
  const reached = new Set<string>()
  const visit = (path: string): void => {
    if (reached.has(path) || !sources.includes(path)) return
    reached.add(path)
    relativeImports(path, ['code', 'types', 'start']).forEach(visit)
  }
  rules.entries.forEach((entry) => {
    visit(`src/${entry}`)
  })
  assert.deepEqual(
    sources.filter((path) => !reached.has(path)),
    [],
  )
})

test('Every helper of the tests is used by one', () => {
  const files = filesUnder('tests', '.ts')
  // Or by a script that compares what tests saw.
  const texts = [...files, ...filesUnder('scripts', '.mjs')].map(
    (path) => [path, textOf(path)] as const,
  )
  const unused = files
    .filter((path) => !path.endsWith('.test.ts'))
    .filter((path) => {
      const name = `${basename(path, '.ts')}.js`
      return !texts.some(([other, text]) => other !== path && text.includes(name))
    })
  assert.deepEqual(unused, [])
})

/** The names a file declares and exports itself, with whether a doc comment stands before them. */
function documentedNames(path: string): ReadonlyMap<string, boolean> {
  const names = new Map<string, boolean>()
  for (const statement of parse(path).statements) {
    const isDocumented = ts.getJSDocCommentsAndTags(statement).length > 0
    const declared = ts.isVariableStatement(statement)
      ? statement.declarationList.declarations
      : [statement as ts.DeclarationStatement]
    for (const { name } of declared) {
      if (name) names.set(name.getText(), isDocumented || names.get(name.getText()) === true)
    }
  }
  return names
}

function undocumented(entry: string): readonly string[] {
  if (!sources.includes(entry)) return []
  return parse(entry).statements.flatMap((statement) => {
    if (!ts.isExportDeclaration(statement) || !statement.moduleSpecifier) return []
    const specifier = (statement.moduleSpecifier as ts.StringLiteral).text
    const from = resolveImport(entry, specifier)
    const clause = statement.exportClause
    if (from === undefined || !clause || !ts.isNamedExports(clause)) return []
    const names = documentedNames(from)
    return clause.elements
      .map(({ name, propertyName }) => (propertyName ?? name).text)
      .filter((name) => names.get(name) === false)
      .map((name) => `${from}: ${name}`)
  })
}

test('Every public symbol has a doc comment', () => {
  const missing = ['src/index.ts', 'src/linux/index.ts'].flatMap((entry) => undocumented(entry))
  assert.deepEqual(missing, [])
})
