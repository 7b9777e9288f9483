// Both ends of a queue in this process, for what does not depend on who is where.
import type { TestContext } from 'node:test'
import { connectFrames } from '#src/linux/connect-frames.js'
import type { FrameQueue } from '#src/frames/frame-queue.js'
import type { FrameStream } from '#src/frames/frame-stream.js'
import type { QueueOptions } from '#src/frames/queue-options.js'
import { serveFrames } from '#src/linux/serve-frames.js'
import { socketPath } from './socket-path.js'
import type { ViewerOptions } from './viewer.js'

/** A queue of 4096-byte frames in six buffers, unless said otherwise, and a stream of it; closed after the test. */
export async function queuePair(
  t: TestContext,
  options: { readonly queue?: QueueOptions; readonly stream?: ViewerOptions } = {},
): Promise<{ queue: FrameQueue; stream: FrameStream }> {
  const path = socketPath(t)
  const queue = await serveFrames(path, { lengthBytes: 4096, buffers: 6, ...options.queue })
  const stream = await connectFrames(path, options.stream)
  t.after(async () => {
    await stream.close()
    await queue.close()
  })
  return { queue, stream }
}
