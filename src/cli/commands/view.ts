import { constants, setPriority } from 'node:os'
import { us } from '../play/dashboard.js'
import { measuringViewer } from '../roles/measuring-viewer.js'
import { pictureViewer } from '../roles/picture-viewer.js'
import { reporter, type Report } from '../roles/report.js'
import { stopSignal } from '../roles/stop-signals.js'
import { runViewer } from '../roles/viewer.js'

/** Options of `dmabuf view`. */
export interface ViewFlags {
  readonly latest: boolean
  readonly frames?: number
  readonly wait: boolean
  readonly contactSheet?: string
  readonly picture?: { readonly columns: number; readonly rows: number }
}

const LINE_MS = 1000

/** Looks at a camera's frames in place. @returns the exit code */
export async function view(socket: string, flags: ViewFlags): Promise<number> {
  const role = flags.latest ? pictureViewer(flags.contactSheet) : measuringViewer()
  // Who takes the newest frame may be late, who takes every frame may not: the camera would wait for it.
  if (flags.latest) setPriority(constants.priority.PRIORITY_BELOW_NORMAL)
  const { frames, wait, picture } = flags
  const signal = stopSignal()
  try {
    await runViewer(role, { socket, frames, wait, picture }, reporter(linePrinter()), signal)
  } catch (error) {
    // Told to stop while it was still on its way to the camera.
    if (!signal.aborted) throw error
  }
  return 0
}

function linePrinter(): (report: Report) => void {
  let printedMs = -Infinity
  return (report) => {
    if (report.kind !== 'viewer') return
    if (!report.done && performance.now() - printedMs < LINE_MS) return
    printedMs = performance.now()
    const luma = report.luma === undefined ? '' : `, luma ${report.luma.toFixed(1)}`
    const motion = report.motion === undefined ? '' : `, motion ${report.motion.toFixed(2)}`
    console.log(
      `view (${report.mode}): ${report.received} frames, ${report.missed} skipped, ` +
        `handoff p50 ${us(report.handoffP50Us)}${luma}${motion}, copied ${report.bytesCopied} bytes`,
    )
    if (report.contactSheet !== undefined) console.log(`view: pictures in ${report.contactSheet}`)
  }
}
