import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(import.meta.resolve('#src/cli/main.js'))

/** What a command printed, and how it ended. */
export interface Ended {
  readonly code: number | NodeJS.Signals
  readonly stdout: string
  readonly stderr: string
}

/** A running `dmabuf` command. */
export interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** Settles when its output has this text. */
  printed(text: string): Promise<void>
}

/** Starts `dmabuf ARGS` in `cwd`; `input` goes to its standard input. */
export function startDmabuf(
  args: readonly string[],
  cwd: string,
  input?: Uint8Array,
  env?: Readonly<Record<string, string>>,
): Running {
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  })
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  let stdout = ''
  let stderr = ''
  const watchers = new Set<() => void>()
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    for (const watcher of watchers) watcher()
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code, signal) => {
      resolve({ code: signal ?? code ?? -1, stdout, stderr })
    })
  })
  const printed = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (!stdout.includes(text)) return
        watchers.delete(look)
        resolve()
      }
      watchers.add(look)
      look()
      void ended.then(() => {
        reject(new Error(`ended without printing ${text}:\n${stdout}${stderr}`))
      })
    })
  return { child, ended, printed }
}

/** Runs `dmabuf ARGS` to its end. */
export function runDmabuf(
  args: readonly string[],
  cwd: string,
  input?: Uint8Array,
): Promise<Ended> {
  return startDmabuf(args, cwd, input).ended
}

/** A folder of this test's own, removed when disposed. */
export function scratchFolder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'dmabuf-test-'))
  return {
    path,
    [Symbol.dispose]() {
      rmSync(path, { recursive: true, force: true })
    },
  }
}

/** A Y4M clip whose frame `n` is all `n` times `step`, in bytes. */
export function y4mClip(options: { width: number; height: number; frames: number }): Buffer {
  const { width, height, frames } = options
  const chroma = Math.ceil(width / 2) * Math.ceil(height / 2)
  const parts = [Buffer.from(`YUV4MPEG2 W${String(width)} H${String(height)} F50:1\n`)]
  for (let n = 0; n < frames; n++) {
    parts.push(
      Buffer.from('FRAME\n'),
      Buffer.alloc(width * height, n),
      Buffer.alloc(2 * chroma, 128),
    )
  }
  return Buffer.concat(parts)
}
