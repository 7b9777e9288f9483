// A worker thread that has opened a port of a queue, and what tests let it do with the frames.
import type { FramePort, FramePortOptions } from '#src/frames/frame-port.js'
import { Thread } from './thread.js'
import type { ViewerState } from './viewer.js'

export type PortWorker = Thread<ViewerState>

/** Starts a worker that opens a port by one of the two packages of functions. */
export async function openInWorker(
  by: 'linux' | 'threads',
  port: FramePort,
  options: FramePortOptions = {},
): Promise<PortWorker> {
  const thread = await Thread.start<ViewerState>()
  const opening = thread.run(
    async (there, name, posted, how) => {
      there.state.stream = await there[name].openFramePort(posted, how)
      there.state.held = []
    },
    by,
    port,
    options,
  )
  try {
    await opening
    return thread
  } catch (error) {
    await thread.terminate()
    throw error
  }
}

/** Reads so many frames there: the byte that each is full of, -1 where it is not one byte; fewer where they end. */
export function readIn(thread: PortWorker, count: number): Promise<number[]> {
  return thread.run(async ({ state }, frames) => {
    const seen: number[] = []
    while (seen.length < frames) {
      const frame = await state.stream.receive()
      if (frame === undefined) break
      seen.push(frame.bytes.every((byte) => byte === frame.bytes[0]) ? (frame.bytes[0] ?? 0) : -1)
      frame.release()
    }
    return seen
  }, count)
}
