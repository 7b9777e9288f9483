// Reads the repository's own sources for tests about the code: files, their imports, cycles.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import ts from 'typescript'

/** build/tests/helpers/ is where this runs. */
export const ROOT = join(import.meta.dirname, '../../..')

/** One import of a file: by whom, of what as written, and whether anything is left of it at run time. */
export interface Import {
  readonly specifier: string
  readonly isTypeOnly: boolean
}

/** Paths relative to the root, with `/`, sorted. An absent folder is empty. */
export function filesUnder(folder: string, extension: string): readonly string[] {
  try {
    return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith(extension) && !name.includes('node_modules'))
      .map((name) => posix.join(folder, name))
      .sort()
  } catch {
    return []
  }
}

export function textOf(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

export function parse(path: string): ts.SourceFile {
  return ts.createSourceFile(path, textOf(path), ts.ScriptTarget.Latest, true)
}

/** Static and dynamic imports, re-exports, and files named by `new URL('./x.js', import.meta.url)`. */
export function importsOf(path: string): readonly Import[] {
  const found: Import[] = []
  const add = (node: ts.Node | undefined, isTypeOnly: boolean): void => {
    if (node && ts.isStringLiteralLike(node)) found.push({ specifier: node.text, isTypeOnly })
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      const isTypeOnly = node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword
      add(node.moduleSpecifier, isTypeOnly)
    } else if (ts.isExportDeclaration(node)) {
      add(node.moduleSpecifier, node.isTypeOnly)
    } else if (ts.isImportTypeNode(node)) {
      add(ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined, true)
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node.arguments[0], false)
    } else if (ts.isNewExpression(node) && node.expression.getText() === 'URL') {
      const [target, base] = node.arguments ?? []
      const isModule = target?.getText().includes('.js') && base?.getText() === 'import.meta.url'
      add(isModule ? target : undefined, false)
    }
    ts.forEachChild(node, visit)
  }
  visit(parse(path))
  return found
}

/** The .ts file a relative specifier means, or undefined for a package. */
export function resolveImport(from: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined
  return posix.join(dirname(from), specifier).replace(/\.js$/, '.ts')
}

/** The first cycle found, as a path that begins and ends with the same file; empty when there is none. */
export function findCycle(graph: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const done = new Set<string>()
  const trail: string[] = []
  const visit = (file: string): readonly string[] => {
    if (done.has(file)) return []
    if (trail.includes(file)) return [...trail.slice(trail.indexOf(file)), file]
    trail.push(file)
    for (const next of graph.get(file) ?? []) {
      const cycle = visit(next)
      if (cycle.length > 0) return cycle
    }
    trail.pop()
    done.add(file)
    return []
  }
  for (const file of graph.keys()) {
    const cycle = visit(file)
    if (cycle.length > 0) return cycle
  }
  return []
}
