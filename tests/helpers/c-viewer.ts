// The viewer of examples/c, compiled with the compiler that is here, as a process that tests start and read.
import assert from 'node:assert/strict'
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { until } from './leaks.js'

const SOURCE = join(import.meta.dirname, '../../../examples/c/join-queue.c')
const COMPILER = process.env['CC'] ?? 'cc'
const WARNINGS = ['-Wall', '-Wextra', '-Werror']
const SANITIZERS = ['-fsanitize=undefined', '-fsanitize-undefined-trap-on-error']
const FLAGS = ['-std=c11', '-O2', ...WARNINGS, ...SANITIZERS]

let compiled: string | undefined

/** Where the program is; undefined, with the test skipped, where there is no compiler. CI must have one. */
export function compileViewer(t: TestContext): string | undefined {
  if (compiled !== undefined) return compiled
  const folder = mkdtempSync(join(tmpdir(), 'dmabuf-test-'))
  process.once('exit', () => {
    rmSync(folder, { recursive: true, force: true })
  })
  const program = join(folder, 'join-queue')
  const { error, status, stderr } = spawnSync(COMPILER, [...FLAGS, SOURCE, '-o', program], {
    encoding: 'utf8',
  })
  if (error !== undefined) {
    assert.equal(process.env['CI'], undefined, 'CI must have a C compiler')
    t.skip(`no C compiler: ${error.message}`)
    return undefined
  }
  assert.equal(status, 0, stderr)
  compiled = program
  return program
}

/** A frame as the viewer prints it. */
export interface SeenFrame {
  readonly ticket: number
  readonly lengthBytes: number
  readonly checksum: string
}

/** A running viewer. */
export class CViewer implements Disposable {
  /** What it has printed. */
  readonly lines: string[] = []
  readonly #child: ChildProcess
  readonly #closed: Promise<unknown>

  /** @param options - `mode=latest` and the like, as the head of join-queue.c says */
  constructor(program: string, path: string, ...options: readonly string[]) {
    this.#child = spawn(program, [path, ...options], { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#closed = once(this.#child, 'close')
    createInterface({ input: this.#child.stdout! }).on('line', (line) => this.lines.push(line))
  }

  get pid(): number {
    return this.#child.pid!
  }

  /** What it printed of frames that had bytes to look at. */
  get frames(): readonly SeenFrame[] {
    return this.lines.flatMap((line) => {
      const [, ticket, length, checksum] = /^frame (\d+) (\d+) bytes (\w+)$/.exec(line) ?? []
      if (checksum === undefined) return []
      return [{ ticket: Number(ticket), lengthBytes: Number(length), checksum }]
    })
  }

  /** Resolves once it has printed so many lines. */
  async printed(count: number): Promise<void> {
    await until(
      () => this.lines.length >= count,
      () => `The viewer printed ${this.lines.join('; ')}`,
    )
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Its last line, once it has ended. */
  async ended(): Promise<string> {
    await this.#closed
    return this.lines.at(-1) ?? ''
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL')
  }
}

/** FNV-1a, as the viewer computes it. */
export function checksumOf(bytes: Uint8Array): string {
  let sum = 2166136261
  for (const byte of bytes) sum = Math.imul(sum ^ byte, 16777619)
  return (sum >>> 0).toString(16).padStart(8, '0')
}
