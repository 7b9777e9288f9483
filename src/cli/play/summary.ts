import type { Comparison } from './compare.js'
import { bytesCopied, bytesText, us } from './dashboard.js'
import type { ExitCode } from './child.js'
import type { PlayState, RoleName } from './session.js'

/** What came from a device. */
export interface CaptureSummary {
  readonly name: string
  readonly fourcc: string
  readonly width: number
  readonly height: number
  /** In words: whose memory its driver filled. */
  readonly memory: string
  /** Frames a second that came, from the first to the last. */
  readonly framesPerSecond: number
  /** Frames for which the driver had no buffer. */
  readonly missed: number
  /** Frames that the driver said are damaged; nobody was shown them. */
  readonly damaged: number
}

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
  /** Of a device: what was captured; null for a clip. */
  readonly capture: CaptureSummary | null
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
    capture: captureOf(state),
    exitCodes,
    contactSheet: pictures?.contactSheet ?? null,
    comparison: comparison ?? null,
  }
}

function captureOf({ ready, camera }: PlayState): CaptureSummary | null {
  if (ready?.memory === undefined) return null
  const { input: name, fourcc, width, height, memory } = ready
  const { framesPerSecond = 0, missed = 0, damaged = 0 } = camera ?? {}
  return { name, fourcc, width, height, memory, framesPerSecond, missed, damaged }
}

/** The run in a few lines for people. */
export function summaryLines(summary: PlaySummary): string[] {
  const { comparison, contactSheet } = summary
  const shared = bytesText(summary.bytesShared)
  const lines = [
    `${summary.frames} frames, ${shared} handed to two viewers, ${summary.bytesCopied} bytes copied`,
    `handoff p50 ${us(summary.handoffP50Us ?? undefined)}, p99 ${us(summary.handoffP99Us ?? undefined)}`,
  ]
  const { capture } = summary
  if (capture !== null)
    lines.push(
      `${capture.name}: ${capture.framesPerSecond.toFixed(1)} frames a second, ${capture.missed} missed, ` +
        `memory: ${capture.memory}`,
    )
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
