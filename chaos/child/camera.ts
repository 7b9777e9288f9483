import { setTimeout as delay } from 'node:timers/promises'
import { createTimeline } from '#src/index.js'
import { serveFrames, type FrameQueue, type QueueOptions } from '#src/linux/index.js'
import { FRAME_BYTES, nowMs, paint } from './pattern.js'

/** A viewer left, and what was published next. */
export interface Departure {
  readonly leftMs: number
  /** When the camera had a buffer to fill again. */
  resumedMs: number | undefined
  /** The frame published then. */
  sequence: number
}

const BURST = 5
const FRAMES_PER_FENCE = 7

/** A camera that publishes without end and notes how it goes on when viewers leave. */
export class Camera {
  readonly queue: FrameQueue
  readonly departures: Departure[] = []
  readonly #epoch: number
  readonly #work = createTimeline('camera')
  #running = true
  #loop: Promise<void> | undefined

  private constructor(queue: FrameQueue, epoch: number) {
    this.queue = queue
    this.#epoch = epoch
    queue.watchConsumers(({ change }) => {
      if (change === 'left')
        this.departures.push({ leftMs: nowMs(), resumedMs: undefined, sequence: 0 })
    })
  }

  /** Serves frames that say which epoch they are of. */
  static async serve(path: string, epoch: number, options: QueueOptions = {}): Promise<Camera> {
    const queue = await serveFrames(path, { lengthBytes: FRAME_BYTES, buffers: 10, ...options })
    return new Camera(queue, epoch)
  }

  /** Publishes in bursts until stop(). */
  run(): void {
    this.#running = true
    this.#loop = this.#publishAll()
  }

  /** Ends run(), and says how many frames there are. */
  async stop(): Promise<number> {
    this.#running = false
    await this.#loop
    return this.queue.stats().queued
  }

  /** Publishes one frame. */
  async publish(): Promise<void> {
    const frame = await this.queue.dequeue()
    const atMs = nowMs()
    const sequence = this.queue.stats().queued + 1
    for (let i = this.departures.length - 1; i >= 0; i--) {
      const departure = this.departures[i]!
      if (departure.resumedMs !== undefined) break
      departure.resumedMs = atMs
      departure.sequence = sequence
    }
    paint(frame.bytes, this.#epoch, sequence)
    // Of some frames the work goes on for a while after they are published.
    if (sequence % FRAMES_PER_FENCE !== 0) frame.queue()
    else {
      const fence = this.#work.fence(sequence)
      frame.queue({ fence })
      setTimeout(() => this.#work.advance(sequence), 1)
    }
  }

  async #publishAll(): Promise<void> {
    while (this.#running) {
      for (let i = 0; i < BURST && this.#running; i++) await this.publish()
      await delay(2)
    }
  }
}
