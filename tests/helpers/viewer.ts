// A viewer in a process of its own, and what tests tell it to do.
import type { connectFrames, Frame } from '#src/linux/index.js'
import type { FrameStream, FrameQueue, FrameMetadata } from '#src/linux/index.js'
import { Remote, type RemoteOptions } from './remote.js'

export type ViewerOptions = NonNullable<Parameters<typeof connectFrames>[1]>

export interface ViewerState {
  stream: FrameStream
  held: Frame[]
}

/** What a viewer says of a frame it received. */
export interface Seen {
  readonly sequence: number
  readonly missed: number
  readonly lengthBytes: number
  /** The value that every byte has; -1 where they differ. */
  readonly value: number
}

/** A viewer process that is connected to a queue. */
export class Viewer implements AsyncDisposable {
  readonly remote: Remote<ViewerState>

  private constructor(remote: Remote<ViewerState>) {
    this.remote = remote
  }

  static async start(
    path: string,
    options: ViewerOptions = {},
    process: RemoteOptions = {},
  ): Promise<Viewer> {
    const viewer = new Viewer(await Remote.start<ViewerState>(process))
    await viewer.connect(path, options)
    return viewer
  }

  get pid(): number {
    return this.remote.pid
  }

  async connect(path: string, options: ViewerOptions = {}): Promise<void> {
    await this.remote.run(
      async ({ linux, state }, at, how) => {
        state.stream = await linux.connectFrames(at, how)
        state.held = []
      },
      path,
      options,
    )
  }

  /** Receives so many frames and holds them; what it saw in them. */
  async hold(count = 1): Promise<Seen[]> {
    return this.remote.run(async ({ state }, frames) => {
      const seen: Seen[] = []
      for (let i = 0; i < frames; i++) {
        const frame = await state.stream.receive()
        if (frame === undefined) break
        state.held.push(frame)
        const { sequence, missed, lengthBytes, bytes } = frame
        const value = bytes.every((byte) => byte === bytes[0]) ? (bytes[0] ?? 0) : -1
        seen.push({ sequence, missed, lengthBytes, value })
      }
      return seen
    }, count)
  }

  /** Gives back the frame held for longest. */
  async release(): Promise<void> {
    await this.remote.run(({ state }) => {
      state.held.shift()?.release()
    })
  }

  /** Receives and releases so many frames, or all until the end. */
  async read(count = Infinity): Promise<Seen[]> {
    return this.remote.run(async ({ state }, frames) => {
      const seen: Seen[] = []
      while (seen.length < frames) {
        const frame = await state.stream.receive()
        if (frame === undefined) break
        const { sequence, missed, lengthBytes, bytes } = frame
        const value = bytes.every((byte) => byte === bytes[0]) ? (bytes[0] ?? 0) : -1
        seen.push({ sequence, missed, lengthBytes, value })
        frame.release()
      }
      return seen
    }, count)
  }

  async close(): Promise<void> {
    await this.remote.run(({ state }) => state.stream.close())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.remote[Symbol.asyncDispose]()
  }
}

/** Fills the next buffer with one value, the sequence's low byte where absent, and publishes it. */
export async function publish(
  queue: FrameQueue,
  value?: number,
  metadata?: FrameMetadata,
): Promise<void> {
  const frame = await queue.dequeue({ timeoutMs: 10_000 })
  frame.bytes.fill(value ?? (queue.stats().queued + 1) & 255)
  frame.queue(metadata)
}
