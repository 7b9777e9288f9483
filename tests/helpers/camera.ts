// A camera in a process of its own, and what tests tell it to do.
import type { FrameQueue, QueueOptions } from '#src/linux/index.js'
import { Remote, type RemoteOptions } from './remote.js'

export interface CameraState {
  queue: FrameQueue
  isRunning: boolean
  stopped: Promise<number>
}

/** A camera process that serves a queue. */
export class Camera implements AsyncDisposable {
  readonly remote: Remote<CameraState>

  private constructor(remote: Remote<CameraState>) {
    this.remote = remote
  }

  static async start(
    path: string,
    options: QueueOptions,
    process: RemoteOptions = {},
  ): Promise<Camera> {
    const camera = new Camera(await Remote.start<CameraState>(process))
    await camera.remote.run(
      async ({ linux, state }, at, how) => {
        state.queue = await linux.serveFrames(at, how)
      },
      path,
      options,
    )
    return camera
  }

  get pid(): number {
    return this.remote.pid
  }

  /** Publishes so many frames, each filled with the low byte of its sequence number. */
  async publish(count: number): Promise<void> {
    await this.remote.run(async ({ state }, frames) => {
      for (let i = 0; i < frames; i++) {
        const frame = await state.queue.dequeue()
        frame.bytes.fill((state.queue.stats().queued + 1) & 255)
        frame.queue()
      }
    }, count)
  }

  /** Publishes as publish() does, as fast as it can, until stop() or its end. */
  async run(): Promise<void> {
    await this.remote.run(({ state }) => {
      state.isRunning = true
      const loop = async (): Promise<number> => {
        while (state.isRunning) {
          const frame = await state.queue.dequeue()
          frame.bytes.fill((state.queue.stats().queued + 1) & 255)
          frame.queue()
        }
        return state.queue.stats().queued
      }
      state.stopped = loop()
    })
  }

  /** Ends run(); how many frames the queue has published. */
  async stop(): Promise<number> {
    return this.remote.run(({ state }) => {
      state.isRunning = false
      return state.stopped
    })
  }

  /** Resolves once so many viewers are connected. */
  async untilJoined(count: number): Promise<void> {
    await this.remote.run(
      ({ state, resources }, wanted) =>
        resources.until(() => state.queue.consumers.length === wanted),
      count,
    )
  }

  async close(): Promise<void> {
    await this.remote.run(({ state }) => state.queue.close())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.remote[Symbol.asyncDispose]()
  }
}
