import { setTimeout as delay } from 'node:timers/promises'
import { createTimeline } from '#src/index.js'
import { connectFrames, type Frame, type FrameStream } from '#src/linux/index.js'
import { nowMs, recognise } from './pattern.js'

type ViewerOptions = NonNullable<Parameters<typeof connectFrames>[1]>

/** A frame that came. */
export interface Arrival {
  readonly epoch: number
  readonly sequence: number
  readonly atMs: number
}

/** What a viewer has seen so far. */
export interface ViewerReport {
  readonly received: number
  readonly torn: number
  /** Rules of the queue that were broken, in words. */
  readonly violations: readonly string[]
  readonly last: Arrival | undefined
  /** How the stream ended; undefined while it lives. */
  readonly end: { readonly code: string; readonly atMs: number } | undefined
}

const KEPT_ARRIVALS = 4096
const FRAMES_PER_FENCE = 5

/** A viewer that reads without end and checks all it sees. */
export class Viewer {
  readonly stream: FrameStream
  readonly #options: ViewerOptions
  readonly #arrivals: Arrival[] = []
  readonly #violations: string[] = []
  readonly #work = createTimeline('viewer')
  #received = 0
  #torn = 0
  #end: { readonly code: string; readonly atMs: number } | undefined

  private constructor(stream: FrameStream, options: ViewerOptions) {
    this.stream = stream
    this.#options = options
  }

  /** Connects, and reads nothing yet. */
  static async connect(path: string, options: ViewerOptions = {}): Promise<Viewer> {
    return new Viewer(await connectFrames(path, options), options)
  }

  /** Reads all there is, with a pause after each frame if wanted; ends with the stream. */
  async read(pauseMs = 0): Promise<void> {
    try {
      for await (using frame of this.stream) {
        this.#note(recognise(frame.bytes, frame.sequence), frame.sequence)
        if (pauseMs > 0) await delay(pauseMs)
        if (this.#received % FRAMES_PER_FENCE === 0) this.#releaseLater(frame)
      }
      this.#end = { code: 'end', atMs: nowMs() }
    } catch (error) {
      this.#end = { code: String((error as { code?: unknown }).code), atMs: nowMs() }
    }
  }

  // Given back while work of ours still reads it.
  #releaseLater(frame: Frame): void {
    const seqno = this.#received
    frame.release(this.#work.fence(seqno))
    setTimeout(() => this.#work.advance(seqno), 1)
  }

  /** Takes so many frames and keeps them. */
  async hold(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const frame = await this.stream.receive()
      if (frame !== undefined) this.#note(recognise(frame.bytes, frame.sequence), frame.sequence)
    }
  }

  /** The first frame that came from that number on, or of a later epoch; undefined before it comes. */
  arrivalOf(epoch: number, sequence: number): Arrival | undefined {
    return this.#arrivals.find(
      (one) => one.epoch > epoch || (one.epoch === epoch && one.sequence >= sequence),
    )
  }

  report(): ViewerReport {
    const [received, torn, end] = [this.#received, this.#torn, this.#end]
    return { received, torn, violations: this.#violations, last: this.#arrivals.at(-1), end }
  }

  #note(epoch: number | undefined, sequence: number): void {
    this.#received++
    if (epoch === undefined) {
      this.#torn++
      return
    }
    const last = this.#arrivals.at(-1)
    if (last !== undefined) this.#checkOrder(last, epoch, sequence)
    this.#arrivals.push({ epoch, sequence, atMs: nowMs() })
    if (this.#arrivals.length > 2 * KEPT_ARRIVALS) this.#arrivals.splice(0, KEPT_ARRIVALS)
  }

  #checkOrder(last: Arrival, epoch: number, sequence: number): void {
    const here = `frame ${sequence} of epoch ${epoch} after ${last.sequence} of ${last.epoch}`
    if (epoch < last.epoch) this.#violations.push(`an old epoch: ${here}`)
    if (epoch !== last.epoch) return
    if (sequence <= last.sequence) this.#violations.push(`a frame twice: ${here}`)
    if (this.#options.mode !== 'latest' && sequence > last.sequence + 1)
      this.#violations.push(`a frame lost: ${here}`)
  }
}
