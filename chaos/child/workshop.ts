import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { nowMs } from './pattern.js'

/** Viewers in worker threads of this process, each a peer of its own. */
export class Workshop {
  readonly #workers: Worker[] = []

  /** Starts one; resolves once it has joined, and holds two frames if it is to. */
  async start(path: string, holds: boolean): Promise<void> {
    const worker = new Worker(new URL('./viewer-worker.js', import.meta.url), {
      workerData: { path, holds },
    })
    this.#workers.push(worker)
    await once(worker, 'message')
  }

  /** Ends the youngest without a chance to say goodbye; when that began. */
  async terminate(): Promise<number> {
    const atMs = nowMs()
    await this.#workers.pop()?.terminate()
    return atMs
  }
}
