// The names that a source exports, and those of the members of what it exports.
import ts from 'typescript'
import { parse } from './source-tree.js'

/** `f`, `C`, `C.method`, `I.field`: what can be named from outside the file. Private members are not. */
export function declaredNames(path: string): ReadonlySet<string> {
  const names = new Set<string>()
  for (const statement of parse(path).statements) {
    if (ts.isExportDeclaration(statement)) addReexports(statement, names)
    else if (isExported(statement)) addStatement(statement, names)
  }
  return names
}

function isExported(statement: ts.Statement): boolean {
  const modifiers = ts.canHaveModifiers(statement) ? ts.getModifiers(statement) : undefined
  return modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) === true
}

function addReexports({ exportClause }: ts.ExportDeclaration, names: Set<string>): void {
  if (!exportClause || !ts.isNamedExports(exportClause)) return
  for (const { name } of exportClause.elements) names.add(name.text)
}

function addStatement(statement: ts.Statement, names: Set<string>): void {
  if (ts.isVariableStatement(statement)) {
    for (const { name, initializer } of statement.declarationList.declarations) {
      names.add(name.getText())
      addFields(name.getText(), initializer, names)
    }
    return
  }
  const { name } = statement as ts.DeclarationStatement
  if (!name) return
  names.add(name.text)
  if (!ts.isClassDeclaration(statement) && !ts.isInterfaceDeclaration(statement)) return
  for (const member of statement.members) {
    if (ts.isConstructorDeclaration(member)) names.add(`${name.text}.constructor`)
    else if (member.name && !ts.isPrivateIdentifier(member.name))
      names.add(`${name.text}.${member.name.getText()}`)
  }
}

/** The keys of a table of constants: `export const Flag = { read: 1 }`, frozen or not. */
function addFields(owner: string, value: ts.Expression | undefined, names: Set<string>): void {
  if (!value) return
  if (ts.isAsExpression(value) || ts.isSatisfiesExpression(value))
    addFields(owner, value.expression, names)
  else if (ts.isCallExpression(value)) addFields(owner, value.arguments[0], names)
  else if (ts.isObjectLiteralExpression(value))
    for (const { name } of value.properties) if (name) names.add(`${owner}.${name.getText()}`)
}
