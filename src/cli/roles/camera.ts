import type { Consumer, FrameQueue } from '../../linux/index.js'
import { serveFrames } from '../../linux/index.js'
import { onWarning } from '../../core/warn.js'
import type { Feed } from './feed.js'
import type { ConsumerState, Reporter } from './report.js'

/** How frames are served. */
export interface CameraOptions {
  readonly socket: string
  readonly buffers: number
  /** Waits for so many viewers before the first frame. */
  readonly viewers: number
}

/** How often progress is reported, in ms. */
const REPORT_MS = 200

/**
 * Plays a clip or a device into a queue of shared buffers until it ends, or the signal is aborted.
 *
 * @param feed - moved: closed at the end
 * @param options.finish - called when every frame is queued; the queue closes when it settles
 * @throws {InputError} what is wrong with the input, after the frames before it
 */
export async function runCamera(
  feed: Feed,
  options: CameraOptions & { readonly finish?: () => Promise<void> },
  report: Reporter,
  signal: AbortSignal,
): Promise<void> {
  // Whom it waits for is in every report: no warning besides.
  using _quiet = onWarning(({ rule, message }) => {
    if (rule !== 'DMABUF_SLOW_CONSUMER') process.stderr.write(`dmabuf: ${message}\n`)
  })
  try {
    await using queue = await serveFrames(options.socket, {
      ...feed.queue,
      buffers: options.buffers,
    })
    reportReady(feed, queue, report)
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
      reportProgress(feed, queue, report, false)
    }, REPORT_MS)
    try {
      await waitForViewers(queue, options.viewers, signal)
      await feed.play(queue, signal)
    } finally {
      clearInterval(timer)
      // Of an input that is cut off, too: the frames before the cut were played.
      reportProgress(feed, queue, report, true)
      if (!signal.aborted) await options.finish?.()
    }
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    await feed.close()
  }
}

function reportReady(feed: Feed, queue: FrameQueue, report: Reporter): void {
  const { format } = queue
  report({
    kind: 'camera-ready',
    pid: process.pid,
    input: feed.name,
    fourcc: format?.fourcc ?? '',
    width: format?.width ?? 0,
    height: format?.height ?? 0,
    framesPerSecond: feed.framesPerSecond ?? 0,
    buffers: queue.bufferCount,
    lengthBytes: queue.lengthBytes,
    ...(feed.memory === undefined ? {} : { memory: feed.memory }),
  })
}

function reportProgress(feed: Feed, queue: FrameQueue, report: Reporter, done: boolean): void {
  const { queued, dropped, bytesCopied } = queue.stats()
  report({
    kind: 'camera',
    queued,
    dropped,
    bytesCopied,
    waitsFor: queue.stalledBy.map(stateOf),
    done,
    ...feed.progress(),
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
