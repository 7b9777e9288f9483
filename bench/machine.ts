// The machine, in the general words that may stand beside a figure, and what the bench needs of it.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { loadavg, release, tmpdir } from 'node:os'
import { join } from 'node:path'

/** The package: the repository, or where it is installed. */
export const ROOT = join(import.meta.dirname, '../..')

/** Where the two sides of a measurement run. */
export interface Placement {
  readonly name: 'one core' | 'two cores'
  readonly first: string
  readonly other: string
}

/** Facts about the machine and this run. */
export interface Machine {
  readonly cores: number
  readonly kernel: string
  readonly node: string
  /** Over the last minute, when the run began: what others did here. */
  readonly load: number
}

/** What is known of this machine. */
export function describeMachine(): Machine {
  return {
    cores: allowedCpus().length,
    kernel: `Linux ${release().split('.').slice(0, 2).join('.')}`,
    node: `Node ${process.versions.node.split('.').slice(0, 2).join('.')}`,
    load: loadavg()[0] ?? 0,
  }
}

/** One core for both sides, and two where there are two. */
export function placements(): readonly Placement[] {
  const cpus = allowedCpus()
  const last = cpus.at(-1) ?? '0'
  const one: Placement = { name: 'one core', first: last, other: last }
  const [first = last] = cpus
  return first === last ? [one] : [one, { name: 'two cores', first, other: last }]
}

function allowedCpus(): readonly string[] {
  const line = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))
  return (line?.[1] ?? '0').split(',').flatMap((range) => {
    const [from = 0, to = from] = range.split('-').map(Number)
    return Array.from({ length: to - from + 1 }, (_, index) => String(from + index))
  })
}

/** Whether a program can be run here. */
export function hasProgram(name: string): boolean {
  return spawnSync(name, ['--version'], { stdio: 'ignore' }).error === undefined
}

/** What is measured cannot be measured here: the message says why. */
export class NotHere extends Error {}

let folder: string | undefined

/** A folder for what this run makes; it goes when the run ends. The package itself may be read only. */
export function workFolder(): string {
  if (folder !== undefined) return folder
  const made = mkdtempSync(join(tmpdir(), 'dmabuf-bench-'))
  process.on('exit', () => {
    rmSync(made, { recursive: true, force: true })
  })
  return (folder = made)
}

/** Compiles a program of bench/peers and says where it is. @throws {NotHere} without a compiler */
export function compilePeer(name: string): string {
  const compiler = process.env['CC'] ?? 'cc'
  return compile([compiler, '-std=c11', '-O2', '-Wall', '-Wextra', '-Werror'], `${name}.c`, [])
}

/** The same in C++, with the folders of headers and the libraries that it needs. */
export function compileCppPeer(
  name: string,
  headers: readonly string[],
  libraries: readonly string[],
): string {
  const compiler = [process.env['CXX'] ?? 'c++', '-std=c++17', '-O2', '-Wall', '-Wextra']
  const folders = headers.flatMap((folder) => ['-isystem', folder])
  const linked = libraries.map((library) => `-l${library}`)
  return compile([...compiler, ...folders], `${name}.cpp`, linked)
}

function compile(command: readonly string[], source: string, libraries: readonly string[]): string {
  const program = join(workFolder(), source.replace(/\.\w+$/, ''))
  const [compiler = '', ...flags] = command
  const path = join(ROOT, 'bench/peers', source)
  const args = [...flags, path, '-o', program, ...libraries]
  const { error, status, stderr } = spawnSync(compiler, args, { encoding: 'utf8' })
  if (error !== undefined) throw new NotHere(`no compiler: ${compiler} cannot be started`)
  if (status !== 0)
    throw new NotHere(`${source} cannot be compiled: ${stderr.trim().split('\n')[0]}`)
  return program
}
