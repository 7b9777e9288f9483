/** A consumer as the camera sees it. */
export interface ConsumerState {
  readonly pid: number
  readonly mode: 'fifo' | 'latest'
  readonly held: number
  readonly lagFrames: number
}

/** What the camera is about to play. */
export interface CameraReady {
  readonly kind: 'camera-ready'
  readonly pid: number
  /** For people: a path, or what the device calls itself. */
  readonly input: string
  /** DRM's name of the frames' format. */
  readonly fourcc: string
  readonly width: number
  readonly height: number
  /** 0: the device does not say. */
  readonly framesPerSecond: number
  readonly buffers: number
  /** Of one buffer. */
  readonly lengthBytes: number
  /** Of a device, in words: whose memory its driver fills. */
  readonly memory?: string
}

/** Where the camera is. */
export interface CameraProgress {
  readonly kind: 'camera'
  readonly queued: number
  readonly dropped: number
  readonly bytesCopied: number
  /** Those a waiting camera waits for, the worst first. */
  readonly waitsFor: readonly ConsumerState[]
  /** Every frame is queued: nothing more will come. */
  readonly done: boolean
  /** Of a device: frames for which its driver had no buffer, and those that it said are damaged. */
  readonly missed?: number
  readonly damaged?: number
  /** Of a device: what came, from the first frame to the last. */
  readonly framesPerSecond?: number
}

/** A viewer has left the camera's queue. */
export interface ViewerLeft {
  readonly kind: 'left'
  readonly pid: number
  /** Buffers that came back with it. */
  readonly heldAtEnd: number
  /** Monotonic nanoseconds. */
  readonly atNs: number
}

/** A small picture drawn from the shared memory. */
export interface ReportedPicture {
  readonly columns: number
  readonly rows: number
  /** RGB, base64. */
  readonly rgb: string
}

/** Where a viewer is. */
export interface ViewerProgress {
  readonly kind: 'viewer'
  readonly pid: number
  readonly mode: 'fifo' | 'latest'
  readonly received: number
  readonly missed: number
  readonly bytesCopied: number
  /** Bytes of frames it was handed in place. */
  readonly bytesShared: number
  /** From the camera's queue() to the viewer's code, µs; of all frames so far. */
  readonly handoffP50Us: number | undefined
  readonly handoffP99Us: number | undefined
  /** Mean of the newest frame's luma histogram, 0 to 255. */
  readonly luma?: number
  /** Mean absolute luma difference to the frame before, 0 to 255. */
  readonly motion?: number
  readonly picture?: ReportedPicture
  /** The queue has ended. */
  readonly done: boolean
  /** Written by this viewer, once done. */
  readonly contactSheet?: string
}

/** What a role tells whoever started it. */
export type Report = CameraReady | CameraProgress | ViewerLeft | ViewerProgress

/** Where a role's reports go: to the process that started it, or to a person as lines. */
export type Reporter = (report: Report) => void

/** Sends reports to the parent where there is one that listens, otherwise hands them to `print`. */
export function reporter(print: Reporter): Reporter {
  if (process.send === undefined) return print
  return (report) => {
    // A parent that died ends this process by 'disconnect'; until then nobody hears.
    if (process.connected) process.send?.(report, undefined, undefined, () => {})
  }
}
