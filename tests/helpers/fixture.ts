// Starts the programs of tests/fixtures in processes of their own, and never leaves one behind.
import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** How a fixture ended, and what it said. */
export interface Outcome {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** How to start one. */
export interface FixtureOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly execArgv?: readonly string[]
  readonly uid?: number
  /** Most open files, as `ulimit -n` says it. */
  readonly maxFiles?: number
  /** Descriptors from 3 on. */
  readonly fds?: readonly number[]
}

/** A running fixture; kill it by disposing it. */
export class Fixture implements AsyncDisposable {
  readonly child: ChildProcess
  readonly exited: Promise<Outcome>
  readonly #lines: AsyncIterator<string>
  readonly #all: string[] = []
  #stderr = ''

  constructor(name: string, args: readonly string[], options: FixtureOptions) {
    const { execArgv = ['--expose-gc'], maxFiles, fds = [] } = options
    const path = join(import.meta.dirname, '../fixtures', name)
    const node = [process.execPath, '--enable-source-maps', ...execArgv, path, ...args]
    const limit = ['sh', '-c', `ulimit -n ${maxFiles ?? 0} && exec "$0" "$@"`]
    const [program = '', ...rest] = maxFiles === undefined ? node : [...limit, ...node]
    const stdio: StdioOptions = ['pipe', 'pipe', 'pipe', ...fds]
    // What the runner tells its own children would make a fixture report to it.
    const { NODE_TEST_CONTEXT: _, ...inherited } = process.env
    const ids = options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }
    this.child = spawn(program, rest, { stdio, env: { ...inherited, ...options.env }, ...ids })
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text
    })
    this.exited = this.#outcome()
    this.#lines = createInterface({ input: this.child.stdout! })[Symbol.asyncIterator]()
  }

  get pid(): number {
    return this.child.pid ?? -1
  }

  /** The next line it prints. */
  async line(): Promise<string> {
    const { value, done } = (await this.#lines.next()) as IteratorResult<string, undefined>
    if (done === true) {
      const { code, signal, stderr } = await this.exited
      throw new Error(`Fixture ended with ${String(code ?? signal)}: ${stderr}`)
    }
    this.#all.push(value)
    return value
  }

  /** Tells it something on its stdin. */
  say(line: string): void {
    this.child.stdin?.write(`${line}\n`)
  }

  /** SIGKILL; resolves when it is gone. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.exited
  }

  /** What it printed besides the lines taken, and how it ended. */
  async finish(): Promise<Outcome> {
    for (;;) {
      const { value, done } = (await this.#lines.next()) as IteratorResult<string, undefined>
      if (done === true) break
      this.#all.push(value)
    }
    return { ...(await this.exited), stdout: this.#all.join('\n') }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
  }

  async #outcome(): Promise<Outcome> {
    const [code, signal] = (await once(this.child, 'close')) as [
      number | null,
      NodeJS.Signals | null,
    ]
    return { code, signal, stdout: '', stderr: this.#stderr }
  }
}

/** Starts a fixture, `name.js`. */
export function startFixture(
  name: string,
  args: readonly string[] = [],
  options: FixtureOptions = {},
): Fixture {
  return new Fixture(name, args, options)
}

/** Runs a fixture to its end. */
export async function runFixture(
  name: string,
  args: readonly string[] = [],
  options: FixtureOptions = {},
): Promise<Outcome> {
  const fixture = startFixture(name, args, options)
  fixture.child.stdin?.end()
  return fixture.finish()
}

/** A folder of the test's own, gone when it is disposed. */
export class ScratchFolder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'dmabuf-test-'))

  file(name: string): string {
    return join(this.path, name)
  }

  /** Lets processes of other users make files in it. */
  openToAll(): void {
    chmodSync(this.path, 0o777)
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}
