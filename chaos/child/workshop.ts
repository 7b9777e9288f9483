import { Thread } from '../../tests/helpers/thread.js'
import { nowMs } from './pattern.js'

/** Worker threads of this process, each a peer of its own. They know the parts in `chaos` as well. */
export class Workshop {
  readonly #threads: Thread[] = []

  /** Starts one. */
  async start(): Promise<Thread> {
    const thread: Thread = await Thread.start()
    this.#threads.push(thread)
    return thread
  }

  /** The one that was started first. */
  get oldest(): Thread {
    return this.#threads[0]!
  }

  /** Ends the youngest without a chance to say goodbye; when that began. */
  async terminate(): Promise<number> {
    const atMs = nowMs()
    await this.#threads.pop()?.terminate()
    return atMs
  }
}
