import type { FrameQueue, QueueOptions } from '../../linux/index.js'
import type { CameraProgress } from './report.js'

/** Where the frames of the camera role come from: a clip, or a device. */
export interface Feed {
  /** For people: a path, or what the device calls itself. */
  readonly name: string
  /** undefined where the device does not say. */
  readonly framesPerSecond: number | undefined
  /** What the queue has to be. */
  readonly queue: Pick<QueueOptions, 'format' | 'heap' | 'lengthBytes'>
  /** In words: whose memory the frames come into; undefined for a clip, which is drawn by us. */
  readonly memory?: string
  /** Fills the queue until the end, or the signal is aborted: then it rejects with its reason. */
  play(queue: FrameQueue, signal: AbortSignal): Promise<void>
  /** What is known besides the queue's own counts. */
  progress(): Partial<CameraProgress>
  close(): Promise<void>
}
