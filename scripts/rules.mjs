// Compares the rules of docs/rules.md with the titles of the tests that hold them.
//
//   node scripts/rules.mjs              counts, and what no test holds
//   node scripts/rules.mjs --json       {rules, cited, later, notApplicable, uncited}, each a list of ids
//   node scripts/rules.mjs FENCE-10     which tests hold these rules
//
// A test holds a rule by naming it in brackets in its title: `a second signal is refused [FENCE-10]`.
// Fails when a rule is held by none and carries no mark, when a title names a rule that does not exist,
// and when a rule marked as not applicable is held after all.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import ts from 'typescript'

const ROOT = dirname(import.meta.dirname)
// FENCE-10, T-F5, and T-R for a whole group.
const ID = /^[A-Z]+-(?:[A-Z]?\d+|[A-Z])$/
const STARTERS = new Set(['test', 'it', 'suite', 'describe'])
const TITLE_FIELDS = new Set(['title', 'name'])

/** The rules of a document in its order: id, section, text, and the mark at the end if there is one. */
export function readRules(markdown) {
  const rules = []
  let section = ''
  let open
  for (const line of markdown.split('\n')) {
    const heading = /^##+ (.*)/.exec(line)
    const start = /^- \*\*([A-Z]+-[A-Z]?\d*)\*\* (.*)/.exec(line)
    if (heading) section = heading[1]
    if (start) rules.push((open = { id: start[1], section, text: start[2] }))
    else if (open && /^ {2}\S/.test(line)) open.text += ` ${line.trim()}`
    else open = undefined
  }
  return rules.map((rule) => ({ ...rule, ...markOf(rule.text) }))
}

function markOf(text) {
  const found = /\((later|not applicable): (.+)\)$/.exec(text)
  return found ? { mark: found[1], reason: found[2] } : {}
}

/** The text of a title with a NUL for what is known only at run time, or undefined if it is no text. */
function textOf(node) {
  if (!node) return undefined
  if (ts.isParenthesizedExpression(node)) return textOf(node.expression)
  if (ts.isStringLiteralLike(node)) return node.text
  if (ts.isTemplateExpression(node))
    return node.head.text + node.templateSpans.map((span) => `\0${span.literal.text}`).join('')
  const isSum = ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.PlusToken
  return isSum ? `${textOf(node.left) ?? '\0'}${textOf(node.right) ?? '\0'}` : undefined
}

/** Whether the options of a test say that it never runs. */
function isIdle(call) {
  return call.arguments.some(
    (argument) =>
      ts.isObjectLiteralExpression(argument) &&
      argument.properties.some(
        (property) =>
          ts.isPropertyAssignment(property) &&
          ['skip', 'todo'].includes(property.name.getText()) &&
          (property.initializer.kind === ts.SyntaxKind.TrueKeyword ||
            ts.isStringLiteralLike(property.initializer)),
      ),
  )
}

/** `test(…)`, `t.test(…)`, `test.only(…)`, but neither `test.skip(…)` nor `test.todo(…)`. */
function startsTest(call) {
  const { expression } = call
  if (ts.isIdentifier(expression)) return STARTERS.has(expression.text) && !isIdle(call)
  if (!ts.isPropertyAccessExpression(expression)) return false
  const { name, expression: object } = expression
  const isOnly = ts.isIdentifier(object) && STARTERS.has(object.text) && name.text === 'only'
  return (STARTERS.has(name.text) || isOnly) && !isIdle(call)
}

/** The titles in a test file: of tests and suites, and of the rows of tables. */
export function titlesIn(path, source) {
  const file = ts.createSourceFile(path, source, ts.ScriptTarget.Latest, true)
  const titles = []
  const add = (node) => {
    const text = textOf(node)
    if (text !== undefined) titles.push({ path, text, line: lineOf(file, node) })
  }
  const visit = (node) => {
    if (ts.isCallExpression(node) && startsTest(node)) add(node.arguments[0])
    else if (ts.isPropertyAssignment(node) && TITLE_FIELDS.has(node.name.getText()))
      add(node.initializer)
    else if (ts.isArrayLiteralExpression(node) && ts.isArrayLiteralExpression(node.parent))
      add(node.elements[0])
    ts.forEachChild(node, visit)
  }
  visit(file)
  return titles
}

function lineOf(file, node) {
  return file.getLineAndCharacterOfPosition(node.getStart()).line + 1
}

/** The ids in the brackets of a title, and brackets that were meant to hold ids but do not. */
export function citationsIn(title) {
  const ids = []
  const malformed = []
  for (const [whole, inside] of title.matchAll(/\[([^[\]]*)\]/g)) {
    const parts = inside.split(',').map((part) => part.trim())
    if (parts.every((part) => ID.test(part))) ids.push(...parts)
    else if (parts.some((part) => /^[A-Z]+-[A-Z]?\d|^T-[A-Z]/.test(part))) malformed.push(whole)
  }
  return { ids, malformed }
}

/** Puts rules and titles together. `tests` maps an id to the places that cite it. */
export function compare(rules, titles) {
  const tests = new Map()
  const problems = []
  const byId = new Map()
  for (const rule of rules) {
    if (byId.has(rule.id)) problems.push(`docs/rules.md has ${rule.id} twice`)
    byId.set(rule.id, rule)
  }
  for (const { path, text, line } of titles) {
    const { ids, malformed } = citationsIn(text)
    const place = `${path}:${line}`
    for (const part of malformed) problems.push(`${place}: name each rule by itself: ${part}`)
    for (const id of ids) {
      if (!byId.has(id)) problems.push(`${place}: no such rule: ${id}`)
      tests.set(id, [...(tests.get(id) ?? []), `${place}: ${text.replaceAll('\0', '…')}`])
    }
  }
  const idsWhere = (condition) => rules.filter(condition).map(({ id }) => id)
  const notApplicable = idsWhere(({ mark }) => mark === 'not applicable')
  for (const id of notApplicable)
    if (tests.has(id)) problems.push(`${id} is marked as not applicable, and held by a test`)
  const report = {
    rules: idsWhere(() => true),
    cited: idsWhere(({ id }) => tests.has(id)),
    later: idsWhere(({ mark }) => mark === 'later'),
    notApplicable,
    uncited: idsWhere(({ id, mark }) => mark === undefined && !tests.has(id)),
  }
  return { report, tests, problems }
}

function filesUnder(folder) {
  return (
    readdirSync(join(ROOT, folder), { recursive: true })
      // The tables that run on several machines are tests, too.
      .filter((name) => name.endsWith('.test.ts') || name.startsWith('kernel/observations/'))
      .sort()
      .map((name) => `${folder}/${name}`)
  )
}

function printSections(rules, { uncited }) {
  for (const section of new Set(rules.map((rule) => rule.section))) {
    const ids = rules.filter((rule) => rule.section === section).map(({ id }) => id)
    const missing = ids.filter((id) => uncited.includes(id))
    if (missing.length > 0)
      console.log(`${section}: ${missing.length} of ${ids.length}\n  ${missing.join(' ')}`)
  }
}

function printTests(ids, { report, tests }) {
  for (const id of ids) {
    const places = tests.get(id) ?? [report.rules.includes(id) ? 'held by no test' : 'no such rule']
    console.log(`${id}\n${places.map((place) => `  ${place}`).join('\n')}`)
  }
}

function main() {
  const options = { json: { type: 'boolean', default: false } }
  const { values, positionals } = parseArgs({ allowPositionals: true, options })
  const rules = readRules(readFileSync(join(ROOT, 'docs/rules.md'), 'utf8'))
  const titles = filesUnder('tests').flatMap((path) =>
    titlesIn(path, readFileSync(join(ROOT, path), 'utf8')),
  )
  const result = compare(rules, titles)
  const { report, problems } = result
  if (positionals.length > 0) printTests(positionals, result)
  else if (values.json) console.log(JSON.stringify(report, null, 2))
  else {
    printSections(rules, report)
    const counts = Object.entries(report).map(([name, ids]) => `${ids.length} ${name}`)
    console.log(`rules: ${counts.join(', ')}`)
    for (const id of report.later.filter((later) => report.cited.includes(later)))
      console.log(`rules: ${id} is marked for later, and held by a test already`)
  }
  for (const problem of problems) console.error(`rules: ${problem}`)
  return problems.length === 0 && report.uncited.length === 0 ? 0 : 1
}

if (process.argv[1] === import.meta.filename) process.exitCode = main()
