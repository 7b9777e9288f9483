import { fileURLToPath } from 'node:url'
import type { QueueMemoryKind } from '../../devices/v4l2/index.js'
import { runCamera } from '../roles/camera.js'
import { openClip } from '../roles/clip-feed.js'
import { openDevice } from '../roles/device-feed.js'
import type { Feed } from '../roles/feed.js'
import { reporter, type Report } from '../roles/report.js'
import { stopSignal } from '../roles/stop-signals.js'

/** Options of `dmabuf camera`. */
export interface CameraFlags {
  readonly fast: boolean
  readonly loop: boolean
  readonly frames?: number
  readonly viewers: number
  readonly buffers: number
  /** A camera's node, instead of a clip. */
  readonly device?: string
  readonly size?: { readonly width: number; readonly height: number }
  readonly fps?: number
  readonly format?: string
  readonly memory?: QueueMemoryKind
}

const CLIP = fileURLToPath(new URL('../../../assets/blue-marble.mjpeg', import.meta.url))
const LINE_MS = 1000

/** Serves a clip's frames at a socket. @returns the exit code */
export async function camera(
  socket: string,
  input: string | undefined,
  flags: CameraFlags,
): Promise<number> {
  const { viewers, buffers } = flags
  const options = { socket, viewers, buffers, finish: allowedToFinish }
  await runCamera(await openFeed(input, flags), options, reporter(linePrinter()), stopSignal())
  return 0
}

function openFeed(input: string | undefined, flags: CameraFlags): Promise<Feed> {
  const { device, size, fps, format, memory, fast, loop, frames, buffers } = flags
  if (device === undefined) return openClip({ input: input ?? CLIP, fast, loop, frames })
  const picture = { ...size, ...(format === undefined ? {} : { fourcc: format }) }
  return openDevice({ device, picture, framesPerSecond: fps, memory, frames, buffers })
}

// Whoever started us looks at our memory before the queue is gone.
async function allowedToFinish(): Promise<void> {
  if (process.send === undefined) return
  await new Promise<void>((resolve) => {
    process.on('message', (message) => {
      if (message === 'finish') resolve()
    })
    process.once('disconnect', resolve)
    process.channel?.ref()
  })
  process.channel?.unref()
}

function linePrinter(): (report: Report) => void {
  let printedMs = -Infinity
  return (report) => {
    if (report.kind === 'camera-ready')
      console.log(
        `camera: ${report.width}x${report.height} ${report.fourcc} at ${report.framesPerSecond} fps, ` +
          `${report.buffers} buffers of ${report.lengthBytes} bytes` +
          (report.memory === undefined ? '' : ` (${report.memory})`),
      )
    else if (report.kind === 'left')
      console.log(`camera: viewer pid ${report.pid} left, its ${report.heldAtEnd} buffers are back`)
    else if (
      report.kind === 'camera' &&
      (report.done || performance.now() - printedMs >= LINE_MS)
    ) {
      printedMs = performance.now()
      const waits = report.waitsFor.map(
        ({ pid, held, lagFrames }) => `  waits for pid ${pid}: holds ${held}, ${lagFrames} to read`,
      )
      console.log(`camera: ${report.queued} frames${waits.join('')}`)
    }
  }
}
