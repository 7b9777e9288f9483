import type { PlayState } from '#src/cli/play/session.js'
import type { ViewerProgress } from '#src/cli/roles/report.js'

const viewer: ViewerProgress = {
  kind: 'viewer',
  pid: 2,
  mode: 'fifo',
  received: 40,
  missed: 0,
  bytesCopied: 0,
  bytesShared: 40 * 345600,
  handoffP50Us: 50,
  handoffP99Us: 1500,
  luma: 30,
  motion: 1.25,
  done: false,
}

/** A session in mid-run, all well: camera pid 1, measure pid 2, pictures pid 3, five buffers of 640x360. */
export function playState(): PlayState {
  const memory = { inodes: ['11', '12'], pssBytes: 576000, copiedBytes: 0 }
  return {
    ready: {
      kind: 'camera-ready',
      fourcc: 'YU12',
      pid: 1,
      input: '/clips/clip.y4m',
      width: 640,
      height: 360,
      framesPerSecond: 25,
      buffers: 5,
      lengthBytes: 345600,
    },
    camera: {
      kind: 'camera',
      queued: 40,
      dropped: 0,
      bytesCopied: 0,
      waitsFor: [],
      done: false,
    },
    measure: viewer,
    pictures: {
      ...viewer,
      pid: 3,
      mode: 'latest',
      received: 38,
      missed: 2,
      bytesShared: 38 * 345600,
    },
    drawn: {},
    pids: { camera: 1, measure: 2, pictures: 3 },
    memory: { camera: memory, measure: memory, pictures: memory },
    exits: {},
    events: [],
    startedMs: 0,
  }
}
