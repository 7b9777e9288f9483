import { setTimeout as delay } from 'node:timers/promises'
import type { FrameQueue, WritableFrame } from '../../linux/index.js'
import { decodeAhead } from '../media/decode-ahead.js'
import { openSource, type MediaSource, type SourceFrame } from '../media/source.js'
import type { Feed } from './feed.js'

/** Which clip is played, and how. */
export interface ClipOptions {
  /** A path, or '-' for standard input. */
  readonly input: string
  /** As fast as the viewers take frames, instead of the clip's rate. */
  readonly fast: boolean
  readonly loop: boolean
  /** Stops after so many. */
  readonly frames: number | undefined
}

const FRAMES_AHEAD = 4

/** Opens a clip to play. @throws {InputError} what is wrong with it */
export async function openClip(options: ClipOptions): Promise<Feed> {
  const source = await open(options)
  const { width, height, range, matrix, frameRate } = source.format
  return {
    name: options.input,
    framesPerSecond: frameRate.numerator / frameRate.denominator,
    queue: { format: { fourcc: 'YU12', width, height, color: { range, matrix } } },
    play: (queue, signal) => playAll(options, source, queue, signal),
    progress: () => ({}),
    close: () => source.close(),
  }
}

function open({ input }: ClipOptions): Promise<MediaSource> {
  return openSource(input === '-' ? { stream: process.stdin } : { path: input })
}

async function playAll(
  options: ClipOptions,
  first: MediaSource,
  queue: FrameQueue,
  signal: AbortSignal,
): Promise<void> {
  const { numerator, denominator } = first.format.frameRate
  const pace = options.fast ? undefined : new Pace((1000 * denominator) / numerator)
  let left = options.frames ?? Infinity
  for (let source = first; left > 0 && !signal.aborted; source = await open(options)) {
    try {
      for await (const picture of decodeAhead(source.frames(), Math.min(FRAMES_AHEAD, left))) {
        await pace?.next(signal)
        using frame = await queue.dequeue({ signal })
        write(picture, frame)
        frame.queue()
        if (--left === 0) return
      }
    } finally {
      if (source !== first) await source.close()
    }
    if (!options.loop || options.input === '-') return
  }
}

function write(picture: SourceFrame, frame: WritableFrame): void {
  picture.writeTo(frame.bytes, frame.format?.planes ?? [])
}

/** Lets one frame pass per interval; after a stall it goes on from now instead of catching up. */
class Pace {
  readonly #intervalMs: number
  #dueMs = performance.now()

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs
  }

  async next(signal: AbortSignal): Promise<void> {
    const early = this.#dueMs - performance.now()
    if (early > 1) await delay(early, undefined, { signal })
    if (early < -10 * this.#intervalMs) this.#dueMs = performance.now()
    this.#dueMs += this.#intervalMs
  }
}
