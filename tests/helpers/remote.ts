// Processes for tests: real ones, with their own memory and descriptors, that run functions of the test.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Answer, Call, There } from '../fixtures/remote.js'

const FIXTURE = join(import.meta.dirname, '../fixtures/remote.js')

/** What a function that runs in the other process gets first. */
export type Elsewhere<State> = Omit<There, 'state'> & { readonly state: State }

export interface RemoteOptions {
  readonly env?: Readonly<Record<string, string>>
  /** Runs it under strace: which calls to trace, and the file to write them to. */
  readonly strace?: { readonly calls: string; readonly file: string }
  /** A module that runs there first. */
  readonly preload?: string
  /** A program that starts it, with its arguments: unshare, say. */
  readonly wrapper?: readonly string[]
}

/** Another process. Dispose of it: it is killed if it still runs. */
export class Remote<State extends object = Record<string, never>> implements AsyncDisposable {
  readonly #child
  readonly #pending = new Map<number, (answer: Answer) => void>()
  readonly #exited: Promise<NodeJS.Signals | number>
  #pid = 0
  #nextId = 1
  #stderr = ''

  private constructor({ env = {}, strace, preload, wrapper = [] }: RemoteOptions) {
    const first = preload === undefined ? [] : ['--import', preload]
    const node = [process.execPath, '--expose-gc', '--enable-source-maps', ...first, FIXTURE]
    const wrapped =
      strace === undefined
        ? [...wrapper, ...node]
        : ['strace', '-f', '-o', strace.file, '-e', strace.calls, ...node]
    this.#child = spawn(wrapped[0] ?? '', wrapped.slice(1), {
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
      serialization: 'advanced',
      env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...env },
    })
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()))
    this.#child.on('message', (message) => {
      const answer = message as Answer
      this.#pending.get(answer.id)?.(answer)
      this.#pending.delete(answer.id)
    })
    this.#exited = new Promise((resolve, reject) => {
      this.#child.once('error', reject)
      this.#child.once('exit', (code, signal) => {
        const error = { name: 'Error', message: this.#obituary(code, signal), code: 'EXIT' }
        for (const [id, settle] of this.#pending) settle({ id, error })
        this.#pending.clear()
        resolve(signal ?? code ?? -1)
      })
    })
  }

  /** Starts one; resolves when it can run functions. */
  static async start<State extends object>(options: RemoteOptions = {}): Promise<Remote<State>> {
    const remote = new Remote<State>(options)
    remote.#pid = await new Promise<number>((resolve, reject) => {
      remote.#pending.set(0, ({ value, error }) => {
        if (error === undefined) resolve(value as number)
        else reject(new Error(error.message))
      })
    })
    // In a namespace of its own it has another number than here.
    if (options.wrapper !== undefined) remote.#pid = youngestOf(remote.#child.pid ?? 0)
    return remote
  }

  get pid(): number {
    return this.#pid
  }

  /**
   * Runs a function there and resolves to what it returns; rejects with what it throws, or when the process
   * ends. The function is sent as text: it sees its arguments and globals, nothing of its file.
   */
  async run<Args extends readonly unknown[], Result>(
    use: (there: Elsewhere<State>, ...args: Args) => Result | Promise<Result>,
    ...args: Args
  ): Promise<Result> {
    const call: Call = { id: this.#nextId++, source: use.toString(), args }
    return new Promise<Result>((resolve, reject) => {
      this.#pending.set(call.id, ({ value, error }) => {
        if (error === undefined) resolve(value as Result)
        else reject(Object.assign(new Error(error.message), { name: error.name, code: error.code }))
      })
      this.#child.send(call)
    })
  }

  /** Sends a signal to that process only. */
  signal(signal: NodeJS.Signals): void {
    process.kill(this.#pid, signal)
  }

  /** Kills it without a chance to say goodbye; resolves when it is gone. */
  async kill(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      try {
        this.signal('SIGKILL')
      } catch {
        // Gone already, and its exit on the way to us.
      }
    }
    await this.#exited
  }

  /** Lets it end by itself, and resolves to how it did. */
  async leave(): Promise<NodeJS.Signals | number> {
    if (this.#child.connected) this.#child.disconnect()
    return this.#exited
  }

  /** How it ended, once it has. */
  get exited(): Promise<NodeJS.Signals | number> {
    return this.#exited
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
    if (this.#child.stderr?.closed === false) await once(this.#child.stderr, 'close')
  }

  #obituary(code: number | null, signal: NodeJS.Signals | null): string {
    return `Process ${this.#pid} ended: ${signal ?? code ?? 'unknown'} ${this.#stderr}`
  }
}

/** The process itself, or the last of its line of only children: what a wrapper started. */
function youngestOf(pid: number): number {
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const parent = readFileSync(`/proc/${name}/stat`, 'utf8').split(') ')[1]?.split(' ')[1]
      if (Number(parent) === pid) return youngestOf(Number(name))
    } catch {
      // It has ended since it was listed.
    }
  }
  return pid
}
