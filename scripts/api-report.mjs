// Compares what the package exports with docs/api/, so that every change of the surface is seen in review.
//
//   node scripts/api-report.mjs             compares, and fails when something differs
//   node scripts/api-report.mjs --update    writes docs/api/ instead
//
// It compiles nothing: `npm run api` does that before. One file per entry of package.json that has types.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import ts from 'typescript'

const ROOT = dirname(import.meta.dirname)
const FOLDER = 'docs/api'
/** Who reads the main entry for the first time has to see all of it at a glance. */
export const MAX_RUNTIME_NAMES = { dmabuf: 40 }

/** Entry name and its declaration file, for each entry that has one. */
export function entriesOf({ name, exports }) {
  return Object.entries(exports).flatMap(([path, target]) => {
    const types = target.types ?? target.node?.types
    return types ? [{ name: path.replace(/^\./, name), types }] : []
  })
}

/** All names that a declaration file exports: name, whether it is there at run time, and its declarations. */
export function namesIn(program, file) {
  const checker = program.getTypeChecker()
  const module = checker.getSymbolAtLocation(program.getSourceFile(file))
  const names = checker.getExportsOfModule(module).map((symbol) => {
    const isAlias = (symbol.flags & ts.SymbolFlags.Alias) !== 0
    const target = isAlias ? checker.getAliasedSymbol(symbol) : symbol
    const isValue = (target.flags & ts.SymbolFlags.Value) !== 0
    const isRuntime = isValue && !(symbol.declarations ?? []).some(isTypeOnly)
    return { name: symbol.name, isRuntime, code: (target.declarations ?? []).map(print).join('\n') }
  })
  return names.sort((a, b) => (a.name < b.name ? -1 : 1))
}

function isTypeOnly(node) {
  return ts.isExportSpecifier(node) && (node.isTypeOnly || node.parent.parent.isTypeOnly)
}

const printer = ts.createPrinter({ removeComments: true })

/** A declaration on its own, without comments, private fields and what is internal. */
function print(declaration) {
  const statement = ts.findAncestor(declaration, ts.isStatement) ?? declaration
  const file = declaration.getSourceFile()
  const { transformed } = ts.transform(statement, [withoutInternal])
  return printer
    .printNode(ts.EmitHint.Unspecified, transformed[0], file)
    .replaceAll(/^export (?:declare )?|^declare /g, '')
}

function withoutInternal() {
  return (root) => {
    if (!ts.isClassDeclaration(root)) return root
    const members = root.members.filter((member) => !isHidden(member))
    const { modifiers, name, typeParameters, heritageClauses } = root
    const { factory } = ts
    return factory.updateClassDeclaration(
      root,
      modifiers,
      name,
      typeParameters,
      heritageClauses,
      members,
    )
  }
}

function isHidden(member) {
  if (ts.getJSDocTags(member).some(({ tagName }) => tagName.text === 'internal')) return true
  const isPrivate = member.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.PrivateKeyword)
  return isPrivate || (member.name !== undefined && ts.isPrivateIdentifier(member.name))
}

/** The report of one entry. */
export function describeEntry(entry, names) {
  const runtime = names.filter(({ isRuntime }) => isRuntime)
  const types = names.filter(({ isRuntime }) => !isRuntime)
  const limit = MAX_RUNTIME_NAMES[entry]
  const atMost = limit === undefined ? '' : ` (at most ${limit})`
  const section = (title, list) =>
    list.length === 0
      ? ''
      : `\n## ${title}\n\n${list.map(({ name, code }) => `### ${name}\n\n\`\`\`ts\n${code}\n\`\`\`\n`).join('\n')}`
  return `# What ${entry} exports

Written by \`npm run api -- --update\`; the gate compares it.
${runtime.length} names at run time${atMost}, ${types.length} names of types.
${section('At run time', runtime)}${section('Types', types)}`
}

function main() {
  const { values } = parseArgs({ options: { update: { type: 'boolean', default: false } } })
  const entries = entriesOf(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')))
  const files = entries.map(({ types }) => join(ROOT, types))
  const absent = files.filter((file) => !existsSync(file))
  if (absent.length > 0) return absent.map((file) => `no declarations: ${file}`)
  const program = ts.createProgram(files, {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.NodeNext,
    lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
    types: [],
    skipLibCheck: true,
  })
  const problems = []
  const reports = new Set()
  for (const [index, { name }] of entries.entries()) {
    const names = namesIn(program, files[index])
    const runtime = names.filter(({ isRuntime }) => isRuntime).length
    const limit = MAX_RUNTIME_NAMES[name] ?? Infinity
    if (runtime > limit) problems.push(`${name}: ${runtime} names at run time, at most ${limit}`)
    const path = `${FOLDER}/${name.replaceAll('/', '-')}.md`
    reports.add(path)
    problems.push(...compareOrWrite(path, describeEntry(name, names), values.update))
    console.log(`api: ${name}: ${runtime} names at run time, ${names.length - runtime} types`)
  }
  const present = existsSync(join(ROOT, FOLDER)) ? readdirSync(join(ROOT, FOLDER)) : []
  for (const file of present.map((one) => `${FOLDER}/${one}`))
    if (!reports.has(file)) problems.push(`${file} belongs to no entry of package.json`)
  return problems
}

function compareOrWrite(path, text, isUpdate) {
  const file = join(ROOT, path)
  if (isUpdate) {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
    return []
  }
  const before = existsSync(file) ? readFileSync(file, 'utf8') : ''
  if (before === text) return []
  return [`${path} differs: ${firstDifference(before, text)} Review, then npm run api -- --update`]
}

function firstDifference(before, after) {
  const old = before.split('\n')
  const lines = after.split('\n')
  const at = lines.findIndex((line, index) => line !== old[index])
  if (at === -1) return `line ${lines.length + 1} is gone.`
  return `line ${at + 1} is now ${JSON.stringify(lines[at])}.`
}

if (process.argv[1] === import.meta.filename) {
  const problems = main()
  for (const problem of problems) console.error(`api: ${problem}`)
  process.exitCode = problems.length === 0 ? 0 : 1
}
