import { setTimeout as delay } from 'node:timers/promises'
import { createTimeline, DmaBufError, type Timeline } from '#src/index.js'
import { serveLinks, shareTimeline, type LinkListener } from '#src/linux/index.js'

const SIGNALS_PER_FAILURE = 10

/** Owns a timeline, shows it to whoever connects, and signals without end; now and then what it signals has failed. */
export class Owner {
  readonly timeline: Timeline = createTimeline('chaos')
  readonly #listener: LinkListener
  #running = true
  #loop: Promise<void> | undefined
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
    if (seqno % SIGNALS_PER_FAILURE !== 0) this.timeline.signal(seqno)
    else this.timeline.fail(seqno, new DmaBufError('EIO', 'work', 'It went wrong'))
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
      shareTimeline(this.timeline, link).catch(() => {})
    }
  }
}
