import { basename } from 'node:path'
import { pictureLines } from '../screen/picture-lines.js'
import type { ReportedPicture, ViewerProgress } from '../roles/report.js'
import type { PlayState, RoleName } from './session.js'

/** Columns and rows of a viewer's small picture, in half-block points: two rows to a line. */
export interface PictureSize {
  readonly columns: number
  readonly rows: number
}

/** How the screen is drawn. */
export interface Style {
  readonly color: boolean
  readonly picture: PictureSize
}

/** Lines of the screen besides the pictures, at most. */
const OTHER_LINES = 15

/** The largest two pictures side by side that leave room for the rest of the screen. */
export function pictureSize(terminal: {
  readonly columns: number
  readonly rows: number
}): PictureSize {
  const lines = Math.max(3, Math.min(12, terminal.rows - OTHER_LINES))
  const widest = Math.max(8, Math.floor((terminal.columns - 2) / 2))
  const columns = Math.min(widest, Math.round((lines * 2 * 16) / 9))
  return { columns, rows: 2 * lines }
}

const ROLES = ['camera', 'measure', 'pictures'] as const

/** The whole screen as lines. */
export function dashboard(state: PlayState, style: Style): string[] {
  const dim = (text: string): string => (style.color ? `\x1b[2m${text}\x1b[22m` : text)
  const strong = (text: string): string => (style.color ? `\x1b[1m${text}\x1b[22m` : text)
  const { ready, camera } = state
  if (ready === undefined) return [dim('starting the camera …')]
  const { width, height, framesPerSecond, fourcc } = ready
  const size = `${width}x${height} ${fourcc}, ${trim(framesPerSecond)} fps`
  return [
    `${strong(basename(ready.input))}  ${dim(size)}  frame ${strong(String(camera?.queued ?? 0))}`,
    '',
    ...picturePair(state, style),
    '',
    ...ROLES.map((name) => roleLine(state, name, dim)),
    '',
    ...sharedLines(state),
    ...state.events.slice(-2).map((event) => `* ${event}`),
    ...[stallLine(state) ?? []].flat(),
    dim('k kill a viewer    s stop it, or let it go on    q quit'),
  ]
}

/** The same in one line, for logs. */
export function plainLine(state: PlayState): string {
  const seconds = ((performance.now() - state.startedMs) / 1000).toFixed(0)
  const { measure, pictures } = state
  const parts = [
    `${seconds} s`,
    `camera ${state.camera?.queued ?? 0} frames`,
    `measure ${measure?.received ?? 0} (handoff p50 ${us(measure?.handoffP50Us)})`,
    `pictures ${pictures?.received ?? 0}, ${pictures?.missed ?? 0} skipped`,
    `copied ${bytesCopied(state)} B`,
  ]
  const stall = stallLine(state)
  return [...parts, ...(stall === undefined ? [] : [stall])].join('  ')
}

/** Bytes that were copied after the camera's write: by our code, or by the kernel into private pages. */
export function bytesCopied({ camera, measure, pictures, memory }: PlayState): number {
  const counted = [camera, measure, pictures].map((report) => report?.bytesCopied ?? 0)
  const pages = [memory.measure, memory.pictures].map((seen) => seen?.copiedBytes ?? 0)
  return [...counted, ...pages].reduce((sum, bytes) => sum + bytes, 0)
}

/** Microseconds for people. */
export function us(value: number | undefined): string {
  if (value === undefined) return '-'
  return value < 1000 ? `${value.toFixed(0)} µs` : `${(value / 1000).toFixed(1)} ms`
}

/** Bytes for people, in powers of 1024. */
export function bytesText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(0)} KiB`
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`
}

function picturePair({ drawn }: PlayState, style: Style): string[] {
  const left = picture(drawn.measure, style)
  const right = picture(drawn.pictures, style)
  const title = 'measure (every frame)'.padEnd(style.picture.columns)
  return [
    `${title}  pictures (the newest)`,
    ...left.map((line, row) => `${line}  ${right[row] ?? ''}`),
  ]
}

function picture(drawn: ReportedPicture | undefined, style: Style): string[] {
  const { columns, rows } = style.picture
  if (drawn === undefined) return Array.from({ length: rows / 2 }, () => ' '.repeat(columns))
  return pictureLines({ ...drawn, rgb: Buffer.from(drawn.rgb, 'base64') }, style)
}

function roleLine(state: PlayState, name: RoleName, dim: (text: string) => string): string {
  const head = `${name.padEnd(9)} ${dim(`pid ${state.pids[name] ?? '-'}`)}  `
  if (name === 'camera') {
    const { ready, camera } = state
    const seconds = (performance.now() - state.startedMs) / 1000
    const perSecond = camera?.framesPerSecond ?? (camera?.queued ?? 0) / Math.max(seconds, 0.001)
    const rate = trim(perSecond)
    const missed = camera?.missed === undefined ? '' : `, ${camera.missed} missed`
    const memory = ready?.memory === undefined ? '' : `: ${ready.memory}`
    const pool = `${ready?.buffers} buffers of ${bytesText(ready?.lengthBytes ?? 0)}${memory}${missed}`
    return `${head}${camera?.queued ?? 0} frames, ${rate} a second, ${pool}`
  }
  const viewer = state[name]
  const exit = state.exits[name]
  if (exit !== undefined && exit !== 0) return `${head}ended: ${exit}`
  if (viewer === undefined) return `${head}${dim('starting')}`
  return `${head}${viewer.received} frames${measuredText(viewer)}`
}

function measuredText(viewer: ViewerProgress): string {
  const handoff = `, handoff ${us(viewer.handoffP50Us)}, p99 ${us(viewer.handoffP99Us)}`
  if (viewer.mode === 'latest') return `, ${viewer.missed} skipped${handoff}`
  const motion = viewer.motion === undefined ? '' : `, motion ${viewer.motion.toFixed(1)}`
  return `${handoff}, luma ${viewer.luma?.toFixed(0) ?? '-'}${motion}`
}

function sharedLines(state: PlayState): string[] {
  const seen = ROLES.flatMap((name) => state.memory[name] ?? [])
  const copied = `copied    ${bytesCopied(state)} bytes after the camera's write`
  const [first] = seen
  if (first === undefined) return ['shared    -', 'memory    -', copied]
  // Buffers of the kernel's are mapped when somebody first looks: one may have looked at fewer of them.
  const most = seen.reduce((a, b) => (b.inodes.length > a.inodes.length ? b : a), first)
  const isDevice = state.ready?.memory !== undefined
  const same = seen.every(({ inodes }) =>
    isDevice
      ? inodes.every((inode) => most.inodes.includes(inode))
      : inodes.join() === most.inodes.join(),
  )
  const pss = seen.reduce((sum, memory) => sum + memory.pssBytes, 0)
  const { buffers = 0, lengthBytes = 0 } = state.ready ?? {}
  const who = `${same ? 'in' : 'NOT the same in'} ${seen.length} processes`
  const pool = bytesText(buffers * lengthBytes)
  return [
    `shared    inodes ${most.inodes.join(' ')} ${who}`,
    `memory    Pss of the ${seen.length} together ${bytesText(pss)}, the pool is ${pool}`,
    copied,
  ]
}

/** Whom the camera waits for; undefined where it does not. */
function stallLine({ camera, pids }: PlayState): string | undefined {
  const [worst] = camera?.waitsFor ?? []
  if (worst === undefined) return undefined
  const name = worst.pid === pids.measure ? 'measure' : 'pictures'
  return `camera waits for ${name} (pid ${worst.pid}): it holds ${worst.held}, has ${worst.lagFrames} to read`
}

function trim(value: number): string {
  return value.toFixed(2).replace(/\.?0+$/, '')
}
