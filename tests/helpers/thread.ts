// Worker threads for tests, which run functions of the test; see remote.ts for processes.
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Answer, Call } from '../fixtures/remote.js'
import type { Elsewhere } from './remote.js'

const FIXTURE = join(import.meta.dirname, '../fixtures/remote.js')

/** Another thread. Dispose of it: it is terminated if it still runs. */
export class Thread<State extends object = Record<string, never>> implements AsyncDisposable {
  readonly #worker = new Worker(FIXTURE)
  readonly #pending = new Map<number, (answer: Answer) => void>()
  readonly #exited = new Promise<number>((resolve) => this.#worker.once('exit', resolve))
  #nextId = 1
  #death = 'Thread ended'

  private constructor() {
    this.#worker.on('message', (answer: Answer) => {
      this.#pending.get(answer.id)?.(answer)
      this.#pending.delete(answer.id)
    })
    this.#worker.on('error', (error) => (this.#death = `Thread ended: ${String(error)}`))
    this.#worker.on('exit', () => {
      const error = { name: 'Error', message: this.#death, code: 'EXIT' }
      for (const [id, settle] of this.#pending) settle({ id, error })
      this.#pending.clear()
    })
  }

  /** Starts one; resolves when it can run functions. */
  static async start<State extends object>(): Promise<Thread<State>> {
    const thread = new Thread<State>()
    await new Promise((resolve) => thread.#pending.set(0, resolve))
    return thread
  }

  /** Runs a function there, as Remote.run() does. The arguments are posted: ports arrive. */
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
      this.#worker.postMessage(call)
    })
  }

  /** How it ended, once it has. */
  get exited(): Promise<number> {
    return this.#exited
  }

  /** Ends it wherever it is; resolves when it is gone. */
  async terminate(): Promise<void> {
    await this.#worker.terminate()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.terminate()
  }
}
