import type { Comparison } from './compare.js'
import { bytesCopied, bytesText, us } from './dashboard.js'
import type { ExitCode } from './child.js'
import type { PlayState, RoleName } from './session.js'

/** What `dmabuf play --json` prints. */
export interface PlaySummary {
  /** Frames that the camera queued. */
  readonly frames: number
  readonly processes: readonly {
    readonly role: RoleName
    readonly pid: number
    /** Queued or received. */
    readonly frames: number
    /** Inodes of the frames it has mapped. */
    readonly inodes: readonly string[]
    /** Its share of the frames' memory. */
    readonly pssBytes: number
  }[]
  readonly buffers: number
  /** Bytes of frames that the viewers were handed in place. */
  readonly bytesShared: number
  /** Bytes copied after the camera's write. */
  readonly bytesCopied: number
  /** From the camera's queue() to the measuring viewer's code. */
  readonly handoffP50Us: number | null
  readonly handoffP99Us: number | null
  /** Frames the camera had to drop. */
  readonly dropped: number
  readonly exitCodes: Readonly<Partial<Record<RoleName, ExitCode>>>
  /** Path of the picture, where one was written. */
  readonly contactSheet: string | null
  /** 3840x2160 frames in the same run; null where it was cut short. */
  readonly comparison: Comparison | null
}

/** The run as plain data. */
export function summarize(
  state: PlayState,
  exitCodes: PlaySummary['exitCodes'],
  comparison: Comparison | undefined,
): PlaySummary {
  const { camera, measure, pictures } = state
  const frames = {
    camera: camera?.queued,
    measure: measure?.received,
    pictures: pictures?.received,
  }
  return {
    frames: camera?.queued ?? 0,
    processes: (['camera', 'measure', 'pictures'] as const).flatMap((role) => {
      const pid = state.pids[role]
      const memory = state.memory[role]
      if (pid === undefined) return []
      const { inodes = [], pssBytes = 0 } = memory ?? {}
      return [{ role, pid, frames: frames[role] ?? 0, inodes, pssBytes }]
    }),
    buffers: state.ready?.buffers ?? 0,
    bytesShared: (measure?.bytesShared ?? 0) + (pictures?.bytesShared ?? 0),
    bytesCopied: bytesCopied(state),
    handoffP50Us: measure?.handoffP50Us ?? null,
    handoffP99Us: measure?.handoffP99Us ?? null,
    dropped: camera?.dropped ?? 0,
    exitCodes,
    contactSheet: pictures?.contactSheet ?? null,
    comparison: comparison ?? null,
  }
}

/** The run in a few lines for people. */
export function summaryLines(summary: PlaySummary): string[] {
  const { comparison, contactSheet } = summary
  const shared = bytesText(summary.bytesShared)
  const lines = [
    `${summary.frames} frames, ${shared} handed to two viewers, ${summary.bytesCopied} bytes copied`,
    `handoff p50 ${us(summary.handoffP50Us ?? undefined)}, p99 ${us(summary.handoffP99Us ?? undefined)}`,
  ]
  if (comparison !== null) {
    const times = comparison.ipcP50Us / comparison.queueP50Us
    lines.push(
      `one 3840x2160 frame (${bytesText(comparison.frameBytes)}): ${us(comparison.queueP50Us)}; ` +
        `by child_process IPC: ${us(comparison.ipcP50Us)}, ${times.toFixed(0)} times as long`,
    )
  }
  if (contactSheet !== null) lines.push(`pictures in ${contactSheet}`)
  return lines
}
