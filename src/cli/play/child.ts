import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Report } from '../roles/report.js'

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url))

/** How a child ended. */
export type ExitCode = number | NodeJS.Signals

/** One of the processes that play starts: `dmabuf camera` or `dmabuf view`, with its reports coming here. */
export class Child {
  readonly name: string
  readonly pid: number
  /** Settles when it is gone. */
  readonly exited: Promise<ExitCode>
  #exitCode: ExitCode | undefined
  readonly #process: ChildProcess

  /**
   * @param args - of the dmabuf command; standard input is shared with one whose input is `-`
   * @param onError - hears what it says on standard error
   */
  constructor(
    name: string,
    args: readonly string[],
    onReport: (report: Report) => void,
    onError: (text: string) => void,
  ) {
    this.name = name
    const shareInput = args.includes('-')
    this.#process = fork(MAIN, args, {
      stdio: [shareInput ? 'inherit' : 'ignore', 'ignore', 'pipe', 'ipc'],
    })
    this.pid = this.#process.pid ?? -1
    this.#process.stderr?.setEncoding('utf8').on('data', onError)
    this.#process.on('message', (message) => {
      onReport(message as Report)
    })
    this.exited = new Promise((resolve) => {
      this.#process.once('close', (code, signal) => {
        this.#exitCode = signal ?? code ?? 1
        resolve(this.#exitCode)
      })
      this.#process.once('error', () => {
        this.#exitCode ??= 1
        resolve(this.#exitCode)
      })
    })
  }

  /** Undefined while it runs. */
  get exitCode(): ExitCode | undefined {
    return this.#exitCode
  }

  /** Asks it to end; one that is stopped is continued. */
  stop(): void {
    this.tell('stop')
    this.kill('SIGCONT')
  }

  /** Sends it a message, if it still listens. */
  tell(message: string): void {
    if (this.#exitCode === undefined && this.#process.connected)
      this.#process.send(message, () => {})
  }

  kill(signal: NodeJS.Signals): void {
    if (this.#exitCode === undefined) this.#process.kill(signal)
  }
}
