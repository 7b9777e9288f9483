import { setTimeout as delay } from 'node:timers/promises'
import { createTimeline, type Timeline } from '#src/index.js'
import { serveLinks, shareTimeline, type LinkListener } from '#src/linux/index.js'
import { nowMs } from './pattern.js'

/** Owns a timeline, shows it to whoever connects, and signals without end. */
export class Owner {
  readonly timeline: Timeline = createTimeline('chaos')
  /** When each of the last seqnos was signalled. */
  readonly signaled = new Map<number, number>()
  readonly #listener: LinkListener
  #running = true
  #loop: Promise<void> | undefined
  #shared = 0
  #links = 0

  private constructor(listener: LinkListener) {
    this.#listener = listener
    void this.#serve()
  }

  static async serve(path: string): Promise<Owner> {
    return new Owner(await serveLinks(path))
  }

  /** Watchers that have the timeline now. */
  get links(): number {
    return this.#links
  }

  /** Times that it was accepted. */
  get shared(): number {
    return this.#shared
  }

  run(): void {
    this.#running = true
    this.#loop = this.#signalAll()
  }

  async stop(): Promise<number> {
    this.#running = false
    await this.#loop
    return this.timeline.value
  }

  async close(): Promise<void> {
    await this.stop()
    await this.#listener.close()
    this.timeline.close()
  }

  signal(): void {
    const seqno = this.timeline.value + 1
    this.signaled.set(seqno, nowMs())
    this.signaled.delete(seqno - 4096)
    this.timeline.signal(seqno)
  }

  async #signalAll(): Promise<void> {
    while (this.#running) {
      for (let i = 0; i < 3; i++) this.signal()
      await delay(1)
    }
  }

  async #serve(): Promise<void> {
    for await (const link of this.#listener) {
      this.#links++
      link.onEnd(() => {
        this.#links--
        void link.close()
      })
      shareTimeline(this.timeline, link).then(
        () => this.#shared++,
        () => {},
      )
    }
  }
}
