// The viewer of examples/c, compiled with the compiler that is here, as a process that tests start and read.
import assert from 'node:assert/strict'
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { until } from './leaks.js'

const ROOT = join(import.meta.dirname, '../../..')
const SOURCE = join(ROOT, 'examples/c/join-queue.c')
const STOPS = join(ROOT, 'tests/fixtures/stop-before-claim.h')
const COMPILER = process.env['CC'] ?? 'cc'
const FLAGS = ['-std=c11', '-O2', '-g', '-Wall', '-Wextra', '-Werror']

/** How it is compiled; where the compiler offers what the first of `checked` needs, with that. */
const VARIANTS = {
  plain: [['-fsanitize=undefined', '-fsanitize-undefined-trap-on-error']],
  /** Ends with a report at the first access outside of what is there. */
  checked: [
    ['-fsanitize=address,undefined', '-fno-sanitize-recover=all'],
    ['-fsanitize=undefined', '-fsanitize-undefined-trap-on-error'],
  ],
  /** Stops (SIGSTOP) before each claim of a slot. */
  stopping: [['-include', STOPS]],
} as const

const compiled = new Map<keyof typeof VARIANTS, string>()

/** Where the program is. @throws {Error} what the compiler says; with the code ENOENT where there is none */
export function compileVariant(variant: keyof typeof VARIANTS): string {
  const known = compiled.get(variant)
  if (known !== undefined) return known
  const folder = mkdtempSync(join(tmpdir(), 'dmabuf-test-'))
  process.once('exit', () => {
    rmSync(folder, { recursive: true, force: true })
  })
  const program = join(folder, 'join-queue')
  let complaint = ''
  for (const flags of VARIANTS[variant]) {
    const { error, status, stderr } = spawnSync(
      COMPILER,
      [...FLAGS, ...flags, SOURCE, '-o', program],
      { encoding: 'utf8' },
    )
    if (error !== undefined) throw error
    if (status === 0) {
      compiled.set(variant, program)
      return program
    }
    complaint = stderr
  }
  throw new Error(complaint)
}

/** Where the program is; undefined, with the test skipped, where there is no compiler. CI must have one. */
export function compileViewer(
  t: TestContext,
  variant: keyof typeof VARIANTS = 'plain',
): string | undefined {
  try {
    return compileVariant(variant)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT') throw error
    assert.equal(process.env['CI'], undefined, 'CI must have a C compiler')
    t.skip(`no C compiler: ${message}`)
    return undefined
  }
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
  /** What it has complained about. */
  complaint = ''
  readonly #child: ChildProcess
  readonly #closed: Promise<unknown>

  /** @param options - `mode=latest` and the like, as the head of join-queue.c says */
  constructor(program: string, path: string, ...options: readonly string[]) {
    this.#child = spawn(program, [path, ...options], { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#closed = once(this.#child, 'close')
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.complaint += chunk.toString()))
    createInterface({ input: this.#child.stdout! }).on('line', (line) => this.lines.push(line))
  }

  get #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
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

  /** Resolves once it has stopped. */
  async stopped(): Promise<void> {
    await until(
      () => this.#hasEnded || readFileSync(`/proc/${this.pid}/stat`, 'utf8').includes(' T '),
    )
    assert.ok(!this.#hasEnded, `The viewer ended: ${this.lines.join('; ')}`)
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Its last line, once it has ended without a complaint. */
  async ended(): Promise<string> {
    await this.#closed
    assert.equal(this.complaint, '')
    return this.lines.at(-1) ?? ''
  }

  /** How it ended, once it has: with an exit code, or by a signal. */
  async exit(): Promise<number | NodeJS.Signals> {
    await this.#closed
    return this.#child.exitCode ?? this.#child.signalCode ?? -1
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
