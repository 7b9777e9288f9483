import { resolve } from 'node:path'
import type { QueueMemoryKind } from '../../devices/v4l2/index.js'
import { InputError } from '../media/input-error.js'
import { cameras } from './cameras.js'
import { compareHandoff, type Comparison } from '../play/compare.js'
import { dashboard, pictureSize, plainLine } from '../play/dashboard.js'
import { readKeys } from '../play/keys.js'
import { Session, type DeviceChoice } from '../play/session.js'
import { summarize, summaryLines } from '../play/summary.js'
import { LiveScreen } from '../screen/live-screen.js'
import { isColorWanted } from '../screen/picture-lines.js'

/** Options of `dmabuf play`. */
export interface PlayFlags {
  readonly fast: boolean
  readonly loop: boolean
  readonly json: boolean
  readonly frames?: number
  readonly contactSheet: string
  /** A camera's node instead of a clip; true: which are there. */
  readonly camera?: string | true
  readonly size?: { readonly width: number; readonly height: number }
  readonly fps?: number
  readonly format?: string
  readonly memory?: QueueMemoryKind
}

const SCREEN_MS = 100
const LINE_MS = 1000

/** Plays a clip through three processes that share its frames. @returns the exit code */
export async function play(input: string | undefined, flags: PlayFlags): Promise<number> {
  checkFlags(input, flags)
  if (flags.camera === true) return cameras(flags.json)
  const screen = process.stdout.isTTY && !flags.json ? new LiveScreen(process.stdout) : undefined
  const stopped = new AbortController()
  // What the processes complain of must not land in the middle of the screen.
  const complaints: string[] = []
  using session = new Session(
    {
      input,
      device: deviceOf(flags),
      fast: flags.fast,
      loop: flags.loop,
      frames: flags.frames,
      contactSheet: resolve(flags.contactSheet),
      picture: screen === undefined ? undefined : pictureSize(screen),
      onError: (text) => {
        if (screen === undefined) process.stderr.write(text)
        else complaints.push(text)
      },
    },
    () => {},
  )
  const stop = (): void => {
    stopped.abort()
    session.stop()
  }
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  const exitCodes = await showing(session, screen, flags, stop)
  process.stderr.write(complaints.join(''))
  const failed = exitCodes.camera !== 0 || session.state.camera === undefined
  const isClip = flags.camera === undefined
  const comparison =
    failed || stopped.signal.aborted || !isClip ? undefined : await compare(flags, stopped.signal)
  process.off('SIGINT', stop)
  process.off('SIGTERM', stop)
  const summary = summarize(session.state, exitCodes, comparison)
  if (flags.json) process.stdout.write(`${JSON.stringify(summary)}\n`)
  else if (summary.frames > 0) process.stdout.write(`${summaryLines(summary).join('\n')}\n`)
  return failed ? 1 : 0
}

function checkFlags(input: string | undefined, flags: PlayFlags): void {
  if (flags.camera === undefined) {
    for (const name of ['size', 'fps', 'format', 'memory'] as const)
      if (flags[name] !== undefined)
        throw new InputError(`--${name} is for cameras: say which with --camera /dev/video0`)
  } else if (input !== undefined) throw new InputError('Play a clip or a camera, not both')
}

function deviceOf({ camera, size, fps, format, memory }: PlayFlags): DeviceChoice | undefined {
  if (camera === undefined || camera === true) return undefined
  return {
    path: camera,
    size: size === undefined ? undefined : `${size.width}x${size.height}`,
    fps,
    format,
    memory,
  }
}

async function showing(
  session: Session,
  screen: LiveScreen | undefined,
  flags: PlayFlags,
  stop: () => void,
): Promise<Awaited<ReturnType<Session['run']>>> {
  const style = {
    color: isColorWanted(process.env),
    picture: session.picture ?? { columns: 0, rows: 0 },
  }
  const talk = flags.json ? process.stderr : process.stdout
  const show = (): void => {
    if (screen !== undefined) screen.draw(dashboard(session.state, style))
    else if (session.state.camera !== undefined) talk.write(`${plainLine(session.state)}\n`)
  }
  const timer = setInterval(show, screen === undefined ? LINE_MS : SCREEN_MS)
  const memoryTimer = setInterval(() => {
    session.readMemory()
  }, LINE_MS)
  // A clip on standard input has no keys beside it.
  using _keys = readKeys(process.stdin, (key) => {
    if (key === 'q') stop()
    else if (key === 'k') session.killViewer()
    else if (key === 's') session.stallViewer()
  })
  try {
    return await session.run()
  } finally {
    clearInterval(timer)
    clearInterval(memoryTimer)
    if (screen !== undefined && session.state.ready !== undefined) show()
    screen?.close()
  }
}

async function compare(flags: PlayFlags, signal: AbortSignal): Promise<Comparison | undefined> {
  if (!flags.json && process.stdout.isTTY) process.stdout.write('measuring 3840x2160 …\r')
  try {
    return await compareHandoff(signal)
  } catch (error) {
    if (signal.aborted) return undefined
    throw error
  } finally {
    if (!flags.json && process.stdout.isTTY) process.stdout.write('\x1b[2K')
  }
}
