import { setTimeout as delay } from 'node:timers/promises'
import type { Consumer, FrameQueue, WritableFrame } from '../../linux/index.js'
import { serveFrames } from '../../linux/index.js'
import { onWarning } from '../../core/warn.js'
import { decodeAhead } from '../media/decode-ahead.js'
import { openSource, type MediaSource, type SourceFrame } from '../media/source.js'
import type { ConsumerState, Reporter } from './report.js'

/** What a camera plays, and how. */
export interface CameraOptions {
  readonly socket: string
  /** A path, or '-' for standard input. */
  readonly input: string
  /** As fast as the viewers take frames, instead of the clip's rate. */
  readonly fast: boolean
  readonly loop: boolean
  /** Stops after so many. */
  readonly frames: number | undefined
  readonly buffers: number
  /** Waits for so many viewers before the first frame. */
  readonly viewers: number
}

const FRAMES_AHEAD = 4

/** How often progress is reported, in ms. */
const REPORT_MS = 200

/**
 * Plays a clip into a queue of shared buffers until it ends, or the signal is aborted.
 *
 * @param finish - called when every frame is queued; the queue closes when it settles
 * @throws {InputError} what is wrong with the input, after the frames before it
 */
export async function runCamera(
  options: CameraOptions,
  report: Reporter,
  signal: AbortSignal,
  finish: () => Promise<void> = async () => {},
): Promise<void> {
  const source = await open(options)
  // Whom it waits for is in every report: no warning besides.
  using _quiet = onWarning(({ rule, message }) => {
    if (rule !== 'DMABUF_SLOW_CONSUMER') process.stderr.write(`dmabuf: ${message}\n`)
  })
  try {
    await using queue = await serve(options, source)
    reportReady(options, source, queue, report)
    using _watch = queue.watchConsumers(({ change, consumer, heldAtEnd }) => {
      if (change === 'left')
        report({
          kind: 'left',
          pid: consumer.pid,
          heldAtEnd,
          atNs: Number(process.hrtime.bigint()),
        })
    })
    const timer = setInterval(() => {
      reportProgress(queue, report, false)
    }, REPORT_MS)
    try {
      await waitForViewers(queue, options.viewers, signal)
      await playAll(options, source, queue, signal)
    } finally {
      clearInterval(timer)
      // Of an input that is cut off, too: the frames before the cut were played.
      reportProgress(queue, report, true)
      if (!signal.aborted) await finish()
    }
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    await source.close()
  }
}

function open({ input }: CameraOptions): Promise<MediaSource> {
  return openSource(input === '-' ? { stream: process.stdin } : { path: input })
}

function serve(options: CameraOptions, source: MediaSource): Promise<FrameQueue> {
  const { width, height, range, matrix } = source.format
  return serveFrames(options.socket, {
    format: { fourcc: 'YU12', width, height, color: { range, matrix } },
    buffers: options.buffers,
  })
}

function reportReady(
  options: CameraOptions,
  source: MediaSource,
  queue: FrameQueue,
  report: Reporter,
): void {
  const { width, height, frameRate } = source.format
  report({
    kind: 'camera-ready',
    pid: process.pid,
    input: options.input,
    width,
    height,
    framesPerSecond: frameRate.numerator / frameRate.denominator,
    buffers: queue.bufferCount,
    lengthBytes: queue.lengthBytes,
  })
}

function reportProgress(queue: FrameQueue, report: Reporter, done: boolean): void {
  const { queued, dropped, bytesCopied } = queue.stats()
  report({
    kind: 'camera',
    queued,
    dropped,
    bytesCopied,
    waitsFor: queue.stalledBy.map(stateOf),
    done,
  })
}

function stateOf({ pid, mode, held, lagFrames }: Consumer): ConsumerState {
  return { pid, mode, held, lagFrames }
}

async function waitForViewers(
  queue: FrameQueue,
  count: number,
  signal: AbortSignal,
): Promise<void> {
  if (queue.consumers.length >= count) return
  await new Promise<void>((resolve, reject) => {
    const watch = queue.watchConsumers(() => {
      if (queue.consumers.length < count) return
      watch[Symbol.dispose]()
      resolve()
    })
    signal.addEventListener('abort', () => {
      watch[Symbol.dispose]()
      reject(signal.reason as Error)
    })
  })
}

async function playAll(
  options: CameraOptions,
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
