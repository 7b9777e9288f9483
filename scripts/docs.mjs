// Writes the reference of the public names to build/docs, from the doc comments.
//
//   node scripts/docs.mjs
//
// It compiles nothing: `npm run docs` does that before. Any warning fails it: a link that leads nowhere, a
// public name without a doc comment, a type that is used in public and exported by no entry.
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Application, Comment, Converter } from 'typedoc'
import { entriesOf } from './api-report.mjs'

const ROOT = dirname(import.meta.dirname)
const OUT = join(ROOT, 'build/docs')
const TSCONFIG = join(ROOT, 'build/docs.tsconfig.json')

const entries = entriesOf(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')))
const entryPoints = entries.map(({ types }) => join(ROOT, types))

// The declarations, not the sources: each zone has a compiler setup of its own, and this is what users get.
const compilerOptions = {
  target: 'es2023',
  lib: ['es2023', 'esnext.disposable'],
  module: 'nodenext',
  types: [],
  noEmit: true,
  skipLibCheck: true,
}
writeFileSync(TSCONFIG, JSON.stringify({ compilerOptions, files: entryPoints }))

const application = await Application.bootstrap({
  name: 'dmabuf',
  entryPoints,
  tsconfig: TSCONFIG,
  readme: 'none',
  router: 'structure',
  disableSources: true,
  excludePrivate: true,
  excludeInternal: true,
  excludeExternals: true,
  blockTags: ['@kernel', '@module', '@param', '@returns', '@rule', '@throws', '@typeParam'],
  validation: { notExported: true, invalidLink: true, invalidPath: true, notDocumented: true },
  requiredToBeDocumented: ['Class', 'Interface', 'Function', 'TypeAlias', 'Variable', 'Enum'],
  treatWarningsAsErrors: true,
  treatValidationWarningsAsErrors: true,
})
// `[Symbol.dispose]()` and its like say by their name what they do.
application.converter.on(Converter.EVENT_CREATE_SIGNATURE, (_, signature) => {
  if (!signature.name.startsWith('[') || signature.comment) return
  signature.comment = new Comment([
    { kind: 'text', text: 'For the language: the end of a `using` scope, or a loop.' },
  ])
})

function nameOf(module) {
  const index = entries.findIndex(
    ({ types }) =>
      join('dist', `${module.name}.d.ts`) === join(types) ||
      join('dist', module.name, 'index.d.ts') === join(types),
  )
  return entries[index]?.name ?? module.name
}

const project = await application.convert()
if (project) {
  // Typedoc names an entry after its file.
  for (const child of project.children ?? []) child.name = nameOf(child)
  application.validate(project)
  await application.generateDocs(project, OUT)
}
const { errorCount, warningCount } = application.logger
console.log(`docs: ${entries.length} entries, ${errorCount} errors, ${warningCount} warnings`)
process.exitCode = project && errorCount + warningCount === 0 ? 0 : 1
