import { fileURLToPath } from 'node:url'
import { runCamera } from '../roles/camera.js'
import { reporter, type Report } from '../roles/report.js'
import { stopSignal } from '../roles/stop-signals.js'

/** Options of `dmabuf camera`. */
export interface CameraFlags {
  readonly fast: boolean
  readonly loop: boolean
  readonly frames?: number
  readonly viewers: number
  readonly buffers: number
}

const CLIP = fileURLToPath(new URL('../../../assets/blue-marble.mjpeg', import.meta.url))
const LINE_MS = 1000

/** Serves a clip's frames at a socket. @returns the exit code */
export async function camera(
  socket: string,
  input: string | undefined,
  flags: CameraFlags,
): Promise<number> {
  const { fast, loop, frames, viewers, buffers } = flags
  const options = { socket, input: input ?? CLIP, fast, loop, frames, viewers, buffers }
  await runCamera(options, reporter(linePrinter()), stopSignal(), allowedToFinish)
  return 0
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
        `camera: ${report.width}x${report.height} YU12 at ${report.framesPerSecond} fps, ` +
          `${report.buffers} buffers of ${report.lengthBytes} bytes`,
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
