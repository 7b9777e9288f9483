// The small mistakes that scripts/mutate.mjs makes on purpose, and how a source is compiled with one.
import ts from 'typescript'

const K = ts.SyntaxKind

/** What each kind of mistake is called in reports and in comments. */
export const KINDS = [
  'comparison',
  'arithmetic',
  'logical',
  'condition',
  'statement',
  'block',
  'return',
  'constant',
  'optional',
]

const COMPARISONS = {
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '===': ['!=='],
  '!==': ['==='],
}
const ARITHMETIC = {
  '+': ['-'],
  '-': ['+'],
  '*': ['/'],
  '/': ['*'],
  '%': ['*'],
  '**': ['*'],
  '&': ['|'],
  '|': ['&'],
  '^': ['|'],
  '<<': ['>>'],
  '>>': ['<<'],
  '>>>': ['<<'],
  '+=': ['-='],
  '-=': ['+='],
  '*=': ['/='],
  '|=': ['&='],
  '&=': ['|='],
}
const LOGICAL = { '&&': ['||'], '||': ['&&'], '??': ['&&'], '??=': ['='], '||=': ['='] }
const OPERATORS = [
  ['comparison', COMPARISONS],
  ['arithmetic', ARITHMETIC],
  ['logical', LOGICAL],
]

// Text for people: which words it has is no behaviour. Of an error the name alone is.
const TEXT_CALLS = {
  DmaBufError: [1, 2],
  TypeError: [0],
  RangeError: [0],
  Error: [0],
  bug: [0, 1, 2],
  flag: [0],
}
const TEXT_FIELDS = new Set(['message', 'rule', 'operation'])

/**
 * Every mistake that can be made in a source: where the text from `start` to `end` becomes
 * `replacement`. In the order of the source.
 */
export function mutantsOf(path, source) {
  const file = ts.createSourceFile(path, source, ts.ScriptTarget.Latest, true)
  const found = []
  const add = (kind, node, replacement, range = node) => {
    const start = range.getStart?.(file) ?? range.start
    const end = range.end
    const line = file.getLineAndCharacterOfPosition(start).line + 1
    found.push({ path, kind, start, end, replacement, line, original: source.slice(start, end) })
  }
  const visit = (node) => {
    if (ts.isTypeNode(node) || ts.isInterfaceDeclaration(node)) return
    if (ts.isTypeAliasDeclaration(node) || ts.isImportDeclaration(node)) return
    if (ts.isExportDeclaration(node) || node.modifiers?.some((m) => m.kind === K.DeclareKeyword))
      return
    for (const make of MAKERS) make(node, add, file)
    ts.forEachChild(node, visit)
  }
  visit(file)
  return found.sort((a, b) => a.start - b.start || a.end - b.end)
}

const MAKERS = [binary, unary, condition, statement, block, returned, constant, optional]

function isText(node) {
  return (
    ts.isStringLiteralLike(node) ||
    ts.isTemplateExpression(node) ||
    (ts.isBinaryExpression(node) && (isText(node.left) || isText(node.right)))
  )
}

function binary(node, add, file) {
  if (!ts.isBinaryExpression(node)) return
  const operator = node.operatorToken.getText(file)
  // Text can be added, not subtracted.
  if (operator.startsWith('+') && (isText(node.left) || isText(node.right))) return
  for (const [kind, table] of OPERATORS)
    for (const other of table[operator] ?? []) add(kind, node, other, node.operatorToken)
}

function unary(node, add, file) {
  if (ts.isPrefixUnaryExpression(node)) {
    const operand = node.operand.getText(file)
    // In a place of its own `++x` and `x++` are the same: the operator alone is turned.
    if (node.operator === K.PlusPlusToken) add('arithmetic', node, `--${operand}`)
    else if (node.operator === K.MinusMinusToken) add('arithmetic', node, `++${operand}`)
    else if (node.operator === K.MinusToken) add('arithmetic', node, `+${operand}`)
    else if (node.operator === K.TildeToken) add('arithmetic', node, `(${operand})`)
    else if (node.operator === K.ExclamationToken) add('logical', node, `!!${operand}`)
  } else if (ts.isPostfixUnaryExpression(node)) {
    const isPlus = node.operator === K.PlusPlusToken
    add('arithmetic', node, `${node.operand.getText(file)}${isPlus ? '--' : '++'}`)
  }
}

// A condition that is one comparison or one `!` is turned around by its own operator already.
function condition(node, add) {
  if (ts.isIfStatement(node) || ts.isConditionalExpression(node)) {
    const tested = node.expression ?? node.condition
    add('condition', node, 'true', tested)
    add('condition', node, 'false', tested)
  } else if (ts.isWhileStatement(node) || ts.isDoStatement(node)) {
    if (node.expression.kind !== K.TrueKeyword) add('condition', node, 'false', node.expression)
  } else if (ts.isForStatement(node) && node.condition) {
    add('condition', node, 'false', node.condition)
  }
}

function statement(node, add) {
  if (ts.isExpressionStatement(node)) {
    const { expression } = node
    const isSuper = ts.isCallExpression(expression) && expression.expression.kind === K.SuperKeyword
    if (!isSuper && !ts.isStringLiteral(expression)) add('statement', node, ';')
  } else if (
    ts.isThrowStatement(node) ||
    ts.isContinueStatement(node) ||
    ts.isBreakStatement(node)
  ) {
    // What stands alone under an if goes with the if's condition.
    if (!isAloneUnderIf(node) && !ts.isCaseOrDefaultClause(node.parent)) add('statement', node, ';')
  }
}

function isAloneUnderIf(node) {
  const { parent } = node
  if (ts.isIfStatement(parent)) return true
  return ts.isBlock(parent) && parent.statements.length === 1 && ts.isIfStatement(parent.parent)
}

// One statement by itself is removed by its own kind.
function block(node, add) {
  const { body } = node
  const isBody = body && ts.isFunctionLike(node) && ts.isBlock(body)
  if (isBody && body.statements.length > 1 && !ts.isConstructorDeclaration(node))
    add('block', node, '{}', body)
}

function returned(node, add, file) {
  const value = ts.isReturnStatement(node) ? node.expression : undefined
  if (!value || isConstant(value, file) || value.kind === K.ThisKeyword) return
  add('return', node, 'undefined', value)
}

function isConstant(node, file) {
  return (
    [K.TrueKeyword, K.FalseKeyword, K.NullKeyword].includes(node.kind) ||
    ts.isNumericLiteral(node) ||
    node.getText(file) === 'undefined'
  )
}

function constant(node, add, file) {
  if (isTextForPeople(node, file)) return
  if (node.kind === K.TrueKeyword) add('constant', node, 'false')
  else if (node.kind === K.FalseKeyword) add('constant', node, 'true')
  else if (ts.isNumericLiteral(node)) add('constant', node, `(${node.getText(file)} + 1)`)
  else if (ts.isBigIntLiteral(node)) add('constant', node, `(${node.getText(file)} + 1n)`)
  else if (ts.isStringLiteralLike(node) && node.text !== '' && !isKey(node))
    add('constant', node, "''")
  else if (ts.isArrayLiteralExpression(node) && node.elements.length > 0 && !isPattern(node))
    add('constant', node, '[]')
}

function isKey(node) {
  const { parent } = node
  return ts.isPropertyAssignment(parent) ? parent.name === node : ts.isLiteralTypeNode(parent)
}

function isPattern(node) {
  const { parent } = node
  return (
    ts.isBinaryExpression(parent) &&
    parent.left === node &&
    parent.operatorToken.kind === K.EqualsToken
  )
}

function isTextForPeople(node, file) {
  for (let at = node; at.parent; at = at.parent) {
    const { parent } = at
    if (ts.isPropertyAssignment(parent) && parent.initializer === at)
      return TEXT_FIELDS.has(parent.name.getText(file))
    const isCall = ts.isCallExpression(parent) || ts.isNewExpression(parent)
    if (isCall && at !== parent.expression) {
      const places = TEXT_CALLS[parent.expression.getText(file)] ?? []
      return places.includes(parent.arguments.indexOf(at))
    }
    if (ts.isStatement(parent)) return false
  }
  return false
}

function optional(node, add) {
  const isOptional =
    (ts.isPropertyAccessExpression(node) || ts.isElementAccessExpression(node)) &&
    node.questionDotToken
  if (isOptional) {
    const replacement = ts.isPropertyAccessExpression(node) ? '.' : ''
    add('optional', node, replacement, node.questionDotToken)
  } else if (ts.isCallExpression(node) && node.questionDotToken) {
    add('optional', node, '', node.questionDotToken)
  }
}

const EXCLUSION = /\/\/ equivalent mutants: ([a-z, ]+): (\S.*)/

/**
 * Takes out the mutants that a comment declares to change nothing, on its own line or the next:
 * `// equivalent mutants: comparison, constant: a list is never shorter than its count`.
 * `problems` are comments without reason, with an unknown kind, or that exclude nothing.
 */
export function withoutEquivalent(path, source, mutants) {
  const problems = []
  const excluded = new Set()
  source.split('\n').forEach((text, index) => {
    if (!text.includes('// equivalent mutants')) return
    const place = `${path}:${index + 1}`
    const [, list = '', reason] = EXCLUSION.exec(text) ?? []
    const kinds = list.split(',').map((kind) => kind.trim())
    const unknown = kinds.filter((kind) => !KINDS.includes(kind))
    if (!reason || unknown.length > 0) {
      problems.push(
        `${place}: write "// equivalent mutants: <kinds>: <why>"; kinds: ${KINDS.join(' ')}`,
      )
      return
    }
    const isAlone = text.trim().startsWith('//')
    const line = isAlone ? nextCodeLine(source, index) : index + 1
    const hits = mutants.filter((mutant) => mutant.line === line && kinds.includes(mutant.kind))
    if (hits.length === 0) problems.push(`${place}: no such mutant on line ${line}`)
    for (const hit of hits) excluded.add(hit)
  })
  return {
    mutants: mutants.filter((mutant) => !excluded.has(mutant)),
    excluded: excluded.size,
    problems,
  }
}

/** The number of the first line after `index` that is no line comment. */
function nextCodeLine(source, index) {
  const lines = source.split('\n')
  let next = index + 1
  while (next < lines.length && lines[next].trim().startsWith('//')) next++
  return next + 1
}

/** The source with the mistake in it. */
export function apply(source, { start, end, replacement }) {
  return source.slice(0, start) + replacement + source.slice(end)
}

const COMPILER = {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.ESNext,
  verbatimModuleSyntax: true,
  sourceMap: true,
  removeComments: true,
}

/** JavaScript and source map of one file of TypeScript, types not looked at. */
export function compile(path, source) {
  const { outputText, sourceMapText } = ts.transpileModule(source, {
    fileName: path,
    compilerOptions: COMPILER,
  })
  return { code: outputText.replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n'), map: sourceMapText }
}
