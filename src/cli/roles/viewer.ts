import { connectFrames, type Frame, type FrameStream } from '../../linux/index.js'
import { drawThumbnail } from '../media/thumbnail.js'
import { pictureOf } from './frame-picture.js'
import { HandoffTimes } from './handoff-times.js'
import type { Reporter, ReportedPicture, ViewerProgress } from './report.js'

/** What a viewer looks at. */
export interface ViewerOptions {
  readonly socket: string
  /** Stops after so many. */
  readonly frames: number | undefined
  /** Waits for the camera, now and whenever it dies. */
  readonly wait: boolean
  /** Size of the small picture in each report; none where absent. */
  readonly picture: { readonly columns: number; readonly rows: number } | undefined
}

/** What kind of viewer: how it reads, and what it does with a frame. */
export interface ViewerRole {
  readonly mode: 'fifo' | 'latest'
  readonly maxHeld: number
  /** Does once what look() will, before there is a frame. */
  rehearse(): void
  /** Looks at a frame, and releases it now or later. @returns what to report of it */
  look(frame: Frame): Partial<ViewerProgress>
  /** The queue has ended, or this viewer is to stop. @returns what to report at the end */
  end(): Promise<Partial<ViewerProgress>>
}

const REPORT_MS = 200

/**
 * Reads frames until the camera closes, or the signal is aborted.
 *
 * @throws {DmaBufError} EOWNERDEAD when the camera dies, ENOENT and others when it cannot be reached
 */
export async function runViewer(
  role: ViewerRole,
  options: ViewerOptions,
  report: Reporter,
  signal: AbortSignal,
): Promise<void> {
  role.rehearse()
  await using frames = await connectFrames(options.socket, {
    mode: role.mode,
    maxHeld: role.maxHeld,
    waitForServer: options.wait,
    signal,
  })
  const viewing = new Viewing(role, options, report, frames)
  signal.addEventListener('abort', () => void frames.close())
  try {
    for await (const frame of frames) {
      viewing.look(frame)
      if (frames.stats().received === options.frames) break
    }
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    await viewing.end()
  }
}

class Viewing {
  readonly #role: ViewerRole
  readonly #options: ViewerOptions
  readonly #report: Reporter
  readonly #frames: FrameStream
  readonly #times = new HandoffTimes()
  #bytesShared = 0
  #reportedMs = -Infinity

  constructor(role: ViewerRole, options: ViewerOptions, report: Reporter, frames: FrameStream) {
    this.#role = role
    this.#options = options
    this.#report = report
    this.#frames = frames
  }

  look(frame: Frame): void {
    const nowNs = Number(process.hrtime.bigint())
    this.#times.add((nowNs - frame.publishedNs) / 1000)
    this.#bytesShared += frame.lengthBytes
    const due = performance.now() - this.#reportedMs >= REPORT_MS
    const picture = due ? this.#draw(frame) : undefined
    const seen = this.#role.look(frame)
    if (!due) return
    this.#reportedMs = performance.now()
    this.#send({ ...seen, ...(picture === undefined ? {} : { picture }) }, false)
  }

  async end(): Promise<void> {
    this.#send(await this.#role.end(), true)
  }

  #draw(frame: Frame): ReportedPicture | undefined {
    const { picture } = this.#options
    if (picture === undefined) return undefined
    const seen = pictureOf(frame)
    if (seen === undefined) return undefined
    const rgb = drawThumbnail(seen.frame, seen.picture, picture)
    return { ...picture, rgb: Buffer.from(rgb).toString('base64') }
  }

  #send(seen: Partial<ViewerProgress>, done: boolean): void {
    const { received, missed, bytesCopied } = this.#frames.stats()
    this.#report({
      kind: 'viewer',
      pid: process.pid,
      mode: this.#role.mode,
      received,
      missed,
      bytesCopied,
      bytesShared: this.#bytesShared,
      handoffP50Us: this.#times.percentile(0.5),
      handoffP99Us: this.#times.percentile(0.99),
      done,
      ...seen,
    })
  }
}
