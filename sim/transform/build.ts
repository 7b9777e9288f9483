// Compiles the shipped protocol and the simulated world so that every access to shared memory is a step.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, posix, relative, sep } from 'node:path'
import ts from 'typescript'
import { Analysis, type Problem } from './analysis.js'
import { rewriteImports, rewriteSteps, type RewriteOptions } from './rewrite.js'
import { STARTS } from './starts.js'

/** The repository: build/sim/transform is where this runs. */
export const ROOT = join(import.meta.dirname, '../../..')

/** A change of a shipped file, made while it is compiled: to see whether the simulator notices. */
export interface Mutation {
  readonly file: string
  /** Occurs once. */
  readonly find: string
  readonly replace: string
}

/** What to build. */
export interface StepBuild {
  /** The folder under build/sim/steps. */
  readonly name: string
  /** The first files, relative to the root; what they import comes with them. */
  readonly entries: readonly string[]
  readonly mutations?: readonly Mutation[]
  /** Folders besides those of STEPPED whose files step. */
  readonly alsoSteps?: readonly string[]
  /** Files in those folders that do not step. */
  readonly plain?: readonly string[]
  /** Callbacks of code that is not transformed run at once instead of being an error. */
  readonly atomicCallbacks?: boolean
}

/** The entry of the simulated world. */
export const WORLD = 'sim/worlds.ts'

const MANIFEST = 'manifest.json'
const RUNTIME = 'sim/engine/stepped.ts'
const WORDS = 'src/interprocess/words.ts'
const STEPPED = ['src/interprocess/', 'src/frames/queue-memory.ts', 'sim/world/']

/**
 * Builds, unless nothing changed since the last time.
 *
 * @returns the folder that mirrors the repository
 * @throws {Error} naming file and line of what cannot be made to step
 */
export function buildSteps(build: StepBuild): string {
  const out = join(ROOT, 'build/sim/steps', build.name)
  const key = JSON.stringify(build)
  if (isCurrent(join(out, MANIFEST), key)) return out
  // Two may build at once: each beside the place, and the last one moves it there.
  const draft = `${out}.${process.pid}`
  rmSync(draft, { recursive: true, force: true })
  mkdirSync(draft, { recursive: true })
  const program = createProgram(build, draft)
  const files = program.getSourceFiles().filter((file) => isOurs(file.fileName))
  const problems = emit(program, files, build)
  if (problems.length > 0) {
    rmSync(draft, { recursive: true, force: true })
    throw new Error(problems.join('\n'))
  }
  const names = files.map((file) => pathOf(file.fileName))
  writeFileSync(
    join(draft, MANIFEST),
    JSON.stringify({ key, files: names, digest: digestOf(names) }),
  )
  moveInto(draft, out)
  return out
}

function moveInto(draft: string, out: string): void {
  rmSync(out, { recursive: true, force: true })
  try {
    renameSync(draft, out)
  } catch (error) {
    // Another one was faster, from the same sources.
    if (!existsSync(join(out, MANIFEST))) throw error
    rmSync(draft, { recursive: true, force: true })
  }
}

function isCurrent(manifest: string, key: string): boolean {
  if (!existsSync(manifest)) return false
  const last = JSON.parse(readFileSync(manifest, 'utf8')) as {
    key: string
    files: string[]
    digest: string
  }
  return last.key === key && last.digest === digestOf(last.files)
}

/** Of the sources, and of the transform itself. */
function digestOf(files: readonly string[]): string {
  const hash = createHash('sha256')
  const own = ['analysis', 'build', 'rewrite', 'starts'].map(
    (name) => `build/sim/transform/${name}.js`,
  )
  for (const file of [...own, ...files]) {
    const path = join(ROOT, file)
    hash.update(existsSync(path) ? readFileSync(path) : 'gone')
  }
  return hash.digest('hex')
}

/** Files as they were parsed: the same for every build, but for what it changes. */
const parsed = new Map<string, { readonly text: string; readonly file: ts.SourceFile }>()

function createProgram(build: StepBuild, out: string): ts.Program {
  const base = ts.readConfigFile(join(ROOT, 'tsconfig.base.json'), (path) => ts.sys.readFile(path))
  const shared = base.config as { compilerOptions: Record<string, unknown> }
  const { options } = ts.convertCompilerOptionsFromJson(
    {
      ...shared.compilerOptions,
      composite: false,
      declaration: false,
      declarationMap: false,
      // tsc -b has checked the sources; here types say only what steps.
      noCheck: true,
      // Other people's types say nothing of what steps, and cost seconds.
      types: [],
      rootDir: ROOT,
      outDir: out,
      paths: { '#src/*': ['./src/*'] },
    },
    ROOT,
  )
  const host = ts.createCompilerHost(options)
  const read = host.readFile.bind(host)
  // The compiler takes a throw for a file that cannot be read: thrown again below.
  const failures: unknown[] = []
  host.readFile = (name) => {
    try {
      return mutate(read(name), pathOf(name), build.mutations ?? [])
    } catch (error) {
      failures.push(error)
      return undefined
    }
  }
  const parse = host.getSourceFile.bind(host)
  host.getSourceFile = (name, ...rest) => {
    const before = parsed.get(name)
    const text = name.endsWith('.d.ts') && before ? before.text : host.readFile(name)
    if (before !== undefined && before.text === text) return before.file
    const file = parse(name, ...rest)
    if (file !== undefined && text !== undefined) parsed.set(name, { text, file })
    return file
  }
  const entries = [...build.entries, RUNTIME, WORDS].map((entry) => join(ROOT, entry))
  const program = ts.createProgram(entries, options, host)
  if (failures.length > 0) throw failures[0]
  return program
}

function mutate(
  text: string | undefined,
  file: string,
  mutations: readonly Mutation[],
): string | undefined {
  let changed = text
  for (const { find, replace } of mutations.filter((mutation) => mutation.file === file)) {
    const parts = changed?.split(find) ?? []
    if (parts.length !== 2)
      throw new Error(`${file}: ${parts.length - 1} times instead of once: ${find}`)
    changed = parts.join(replace)
  }
  return changed
}

function emit(
  program: ts.Program,
  files: readonly ts.SourceFile[],
  { alsoSteps = [], plain = [], atomicCallbacks = false }: StepBuild,
): readonly string[] {
  const folders = [...STEPPED, ...alsoSteps]
  const isStepped = (file: ts.SourceFile): boolean => {
    const path = pathOf(file.fileName)
    if (path === WORDS || plain.includes(path)) return false
    return folders.some((folder) => path.startsWith(folder))
  }
  const analysis = new Analysis({
    checker: program.getTypeChecker(),
    files: files.filter(isStepped),
    wordsType: wordsType(program),
    isEngine: (file) => pathOf(file.fileName).startsWith('sim/engine/'),
  })
  const options: RewriteOptions = {
    runtime: (file) => importPath(file, RUNTIME),
    specifier: (file, text) =>
      text.startsWith('#src/') ? importPath(file, `src/${text.slice('#src/'.length)}`) : text,
    atomicCallbacks,
    starts: STARTS,
  }
  const steps = rewriteSteps(analysis, options)
  const rewrite: ts.TransformerFactory<ts.SourceFile> = (context) => {
    const one = steps(context)
    return (file) => (isStepped(file) ? one(file) : rewriteImports(file, options, context))
  }
  for (const file of files) program.emit(file, undefined, undefined, false, { before: [rewrite] })
  return analysis.problems.map((problem) => describe(problem))
}

function wordsType(program: ts.Program): ts.Type {
  const file = program.getSourceFile(join(ROOT, WORDS))
  const words = file?.statements.find(
    (statement) => ts.isInterfaceDeclaration(statement) && statement.name.text === 'Words',
  )
  if (words === undefined) throw new Error(`${WORDS}: no interface Words`)
  return program.getTypeChecker().getTypeAtLocation(words)
}

function describe({ node, what }: Problem): string {
  const file = node.getSourceFile()
  const { line } = file.getLineAndCharacterOfPosition(node.getStart())
  const code = node.getText().split('\n')[0] ?? ''
  return `${pathOf(file.fileName)}:${line + 1}: cannot be made to step, ${what}: ${code}`
}

function importPath(file: ts.SourceFile, target: string): string {
  const from = dirname(pathOf(file.fileName))
  const path = posix.relative(from, target.replace(/\.ts$/, '.js'))
  return path.startsWith('.') ? path : `./${path}`
}

function pathOf(fileName: string): string {
  return relative(ROOT, fileName).split(sep).join('/')
}

function isOurs(fileName: string): boolean {
  const path = pathOf(fileName)
  return !path.startsWith('..') && !path.includes('node_modules') && !fileName.endsWith('.d.ts')
}
