import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type {
  CameraProgress,
  CameraReady,
  Report,
  ReportedPicture,
  ViewerProgress,
} from '../roles/report.js'
import { Child, type ExitCode } from './child.js'
import { readFrameMemory, type FrameMemory } from './frame-memory.js'
import { makeScratchFolder } from './scratch-folder.js'

/** A camera to play, as `dmabuf camera` is told. */
export interface DeviceChoice {
  readonly path: string
  /** WIDTHxHEIGHT; as the driver has it where absent. */
  readonly size: string | undefined
  readonly fps: number | undefined
  readonly format: string | undefined
  /** 'import', 'export' or 'copy'; the first that works where absent. */
  readonly memory: string | undefined
}

/** What is played, and how. */
export interface PlayOptions {
  /** A path, or '-'; the camera's own clip where absent. */
  readonly input: string | undefined
  /** A camera's node to play instead, and what is asked of it; undefined for a clip. */
  readonly device?: DeviceChoice | undefined
  readonly fast: boolean
  readonly loop: boolean
  readonly frames: number | undefined
  readonly contactSheet: string
  /** Size of the viewers' small pictures; none where there is no screen. */
  readonly picture: { readonly columns: number; readonly rows: number } | undefined
  /** Hears what the processes say on standard error. */
  readonly onError: (text: string) => void
}

/** The three processes. */
export type RoleName = 'camera' | 'measure' | 'pictures'

/** Everything the screen and the summary tell. */
export interface PlayState {
  readonly ready: CameraReady | undefined
  readonly camera: CameraProgress | undefined
  readonly measure: ViewerProgress | undefined
  readonly pictures: ViewerProgress | undefined
  /** The newest picture that each viewer drew. */
  readonly drawn: { readonly measure?: ReportedPicture; readonly pictures?: ReportedPicture }
  readonly pids: Readonly<Partial<Record<RoleName, number>>>
  readonly memory: Readonly<Partial<Record<RoleName, FrameMemory>>>
  /** How those that are gone ended. */
  readonly exits: Readonly<Partial<Record<RoleName, ExitCode>>>
  /** What happened, newest last: a viewer that was killed, stalled, or continued. */
  readonly events: readonly string[]
  readonly startedMs: number
}

const BUFFERS = 5
/** So that the driver has some to fill, whatever the viewers hold. */
const DEVICE_BUFFERS = 8

/** Three processes that play one clip: a camera and two viewers, and what they report. */
export class Session implements Disposable {
  readonly #options: PlayOptions
  readonly #folder = makeScratchFolder()
  readonly #children: Partial<Record<RoleName, Child>> = {}
  readonly #changed: () => void
  readonly #state: { -readonly [K in keyof PlayState]: PlayState[K] }
  #events: string[] = []
  #stalled = false
  #memoryIsFinal = false
  #killedNs = 0

  /** @param changed - called after every report */
  constructor(options: PlayOptions, changed: () => void) {
    this.#options = options
    this.#changed = changed
    this.#state = {
      ready: undefined,
      camera: undefined,
      measure: undefined,
      pictures: undefined,
      drawn: {},
      pids: {},
      memory: {},
      exits: {},
      events: [],
      startedMs: performance.now(),
    }
  }

  /** Size of the viewers' small pictures, as it was asked for. */
  get picture(): PlayOptions['picture'] {
    return this.#options.picture
  }

  get state(): PlayState {
    return this.#state
  }

  /** Settles when all three are gone. @returns how each ended; a viewer that was never started is missing */
  async run(): Promise<Partial<Record<RoleName, ExitCode>>> {
    const camera = this.#start('camera', this.#cameraArgs())
    await camera.exited
    for (const name of ['measure', 'pictures'] as const) {
      const viewer = this.#children[name]
      // A stalled viewer cannot notice that the camera has gone.
      if (this.#stalled) viewer?.kill('SIGCONT')
      await viewer?.exited
    }
    return this.#state.exits
  }

  /** Ends the clip early, cleanly. */
  stop(): void {
    void this.#stopAll()
  }

  /** Kills the measuring viewer; when its buffers are back is an event. */
  killViewer(): void {
    const viewer = this.#children.measure
    if (viewer === undefined || viewer.exitCode !== undefined) return
    this.#killedNs = Number(process.hrtime.bigint())
    viewer.kill('SIGKILL')
  }

  /** Stops the measuring viewer where it is, or lets it go on. */
  stallViewer(): void {
    const viewer = this.#children.measure
    if (viewer === undefined || viewer.exitCode !== undefined) return
    this.#stalled = !this.#stalled
    viewer.kill(this.#stalled ? 'SIGSTOP' : 'SIGCONT')
    const what = this.#stalled ? 'stopped: the FIFO queue waits for it' : 'goes on'
    this.#tell(`measure (pid ${viewer.pid}) ${what}`)
  }

  /** Looks at the three processes' memory, now. */
  readMemory(): void {
    if (this.#memoryIsFinal) return
    const memory: Partial<Record<RoleName, FrameMemory>> = {}
    for (const name of ['camera', 'measure', 'pictures'] as const) {
      const pid = this.#state.pids[name]
      const seen = pid === undefined ? undefined : readFrameMemory(pid)
      if (seen !== undefined && seen.inodes.length > 0) memory[name] = seen
    }
    // Once the camera has gone nothing is shared: what was seen before is what the run was. Where the driver writes
    // the frames the camera itself never maps them.
    const isShared = memory.camera !== undefined || this.#options.device !== undefined
    if (isShared && Object.keys(memory).length > 0) this.#state.memory = memory
  }

  [Symbol.dispose](): void {
    for (const child of Object.values(this.#children)) child.kill('SIGKILL')
    rmSync(this.#folder, { recursive: true, force: true })
  }

  // A viewer that has seen nothing yet may still be on its way to the camera: it leaves first.
  async #stopAll(): Promise<void> {
    const viewers = (['measure', 'pictures'] as const).flatMap((name) => {
      const child = this.#children[name]
      return child === undefined ? [] : [{ child, isStarting: this.#state[name] === undefined }]
    })
    const starting = viewers.filter(({ isStarting }) => isStarting)
    for (const { child } of starting) child.stop()
    await Promise.all(starting.map(({ child }) => child.exited))
    this.#children.camera?.stop()
    for (const { child } of viewers) child.kill('SIGCONT')
  }

  get #socket(): string {
    return join(this.#folder, 'queue.sock')
  }

  #cameraArgs(): string[] {
    const { input, device, fast, loop, frames } = this.#options
    const buffers = device === undefined ? BUFFERS : DEVICE_BUFFERS
    return [
      'camera',
      this.#socket,
      ...(input === undefined ? [] : [input]),
      ...['--buffers', String(buffers), '--viewers', '2'],
      ...deviceArgs(device),
      ...(fast ? ['--fast'] : []),
      ...(loop ? ['--loop'] : []),
      ...(frames === undefined ? [] : ['--frames', String(frames)]),
    ]
  }

  #startViewers(): void {
    const { picture, contactSheet } = this.#options
    const size = picture === undefined ? [] : ['--picture', `${picture.columns}x${picture.rows}`]
    this.#start('measure', ['view', this.#socket, ...size])
    this.#start('pictures', [
      ...['view', this.#socket, '--latest', '--contact-sheet', contactSheet],
      ...size,
    ])
  }

  #start(name: RoleName, args: readonly string[]): Child {
    const onReport = (report: Report): void => {
      this.#receive(report)
      this.#changed()
    }
    const child = new Child(name, args, onReport, this.#options.onError)
    this.#children[name] = child
    this.#state.pids = { ...this.#state.pids, [name]: child.pid }
    void child.exited.then((code) => {
      this.#state.exits = { ...this.#state.exits, [name]: code }
      // A viewer that fails before it joins would leave the camera waiting for it.
      if (name !== 'camera' && code !== 0 && this.#state[name] === undefined)
        this.#children.camera?.stop()
      this.#changed()
    })
    return child
  }

  #receive(report: Report): void {
    switch (report.kind) {
      case 'camera-ready':
        this.#state.ready = report
        this.#startViewers()
        break
      case 'camera':
        this.#state.camera = report
        if (report.done) this.#finish()
        break
      case 'left':
        this.#viewerLeft(report.pid, report.heldAtEnd, report.atNs)
        break
      case 'viewer':
        this.#receiveViewer(report.mode === 'fifo' ? 'measure' : 'pictures', report)
        break
    }
  }

  #receiveViewer(name: 'measure' | 'pictures', report: ViewerProgress): void {
    this.#state[name] = report
    if (report.picture !== undefined)
      this.#state.drawn = { ...this.#state.drawn, [name]: report.picture }
  }

  // All three are alive and have all buffers mapped: the time to see what that costs.
  #finish(): void {
    this.readMemory()
    this.#memoryIsFinal = true
    this.#children.camera?.tell('finish')
  }

  #viewerLeft(pid: number, held: number, atNs: number): void {
    if (this.#state.camera?.done === true) return
    const name = pid === this.#state.pids.measure ? 'measure' : 'pictures'
    const count = held === 1 ? '1 buffer was' : `${held} buffers were`
    const after =
      this.#killedNs > 0 && name === 'measure'
        ? `killed; its ${count} back ${((atNs - this.#killedNs) / 1e6).toFixed(1)} ms later`
        : `left; its ${count} back`
    this.#tell(`${name} (pid ${pid}) ${after}`)
  }

  #tell(event: string): void {
    this.#events = [...this.#events.slice(-2), event]
    this.#state.events = this.#events
    this.#changed()
  }
}

function deviceArgs(device: DeviceChoice | undefined): string[] {
  if (device === undefined) return []
  const { path, size, fps, format, memory } = device
  return [
    ...['--device', path],
    ...(size === undefined ? [] : ['--size', size]),
    ...(fps === undefined ? [] : ['--fps', String(fps)]),
    ...(format === undefined ? [] : ['--format', format]),
    ...(memory === undefined ? [] : ['--memory', memory]),
  ]
}
