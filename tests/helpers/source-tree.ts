// Reads the repository's own sources for tests about the code: files, their imports, cycles.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import ts from 'typescript'

/** build/tests/helpers/ is where this runs. */
export const ROOT = join(import.meta.dirname, '../../..')

/**
 * One mention of another file, as written. Of 'types' nothing is left at run time; a 'start' is
 * `new URL('x.js', import.meta.url)`, a file that another process or thread begins with.
 */
export interface Import {
  readonly specifier: string
  readonly kind: 'code' | 'types' | 'start'
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

/** Static and dynamic imports, re-exports, and files that are started. */
export function importsOf(path: string): readonly Import[] {
  const found: Import[] = []
  const add = (node: ts.Node | undefined, kind: Import['kind']): void => {
    if (node && ts.isStringLiteralLike(node)) found.push({ specifier: node.text, kind })
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      const isTypeOnly = node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword
      add(node.moduleSpecifier, isTypeOnly ? 'types' : 'code')
    } else if (ts.isExportDeclaration(node)) {
      add(node.moduleSpecifier, node.isTypeOnly ? 'types' : 'code')
    } else if (ts.isImportTypeNode(node)) {
      add(ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined, 'types')
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node.arguments[0], 'code')
    } else if (ts.isNewExpression(node) && node.expression.getText() === 'URL') {
      const [target, base] = node.arguments ?? []
      const isOurs = base?.getText() === 'import.meta.url'
      if (isOurs && target && ts.isStringLiteralLike(target) && target.text.endsWith('.js')) {
        // A URL needs no leading dot to be relative.
        found.push({
          specifier: posix.join('./', target.text).replace(/^(?!\.)/, './'),
          kind: 'start',
        })
      }
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
