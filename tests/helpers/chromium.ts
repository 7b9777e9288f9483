// A real browser for tests: it opens one page of ours, which posts what it found out.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, extname, join, normalize } from 'node:path'

const ROOT = join(import.meta.dirname, '../../..')
const NAMES = ['chromium', 'chromium-browser', 'google-chrome']
const BOUND_MS = 90_000
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
}

/** Where Chromium is; undefined: nowhere in the path. DMABUF_CHROMIUM names another one. */
export function findChromium(): string | undefined {
  const named = process.env['DMABUF_CHROMIUM']
  if (named !== undefined) return named
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  return folders.flatMap((folder) => NAMES.map((name) => join(folder, name))).find(existsSync)
}

/** Serves the compiled package and the pages, as a cross-origin isolated site must. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  const path = normalize(new URL(request.url ?? '/', 'http://localhost').pathname)
  const file = path.startsWith('/pages/')
    ? join(ROOT, 'tests/browser', path)
    : path.startsWith('/dist/')
      ? join(ROOT, path)
      : undefined
  const type = TYPES[extname(path)]
  if (file === undefined || type === undefined || !existsSync(file)) {
    response.writeHead(404).end()
    return
  }
  response.writeHead(200, {
    'content-type': type,
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-embedder-policy': 'require-corp',
  })
  response.end(readFileSync(file))
}

/** Opens a page under tests/browser/pages in Chromium; resolves to the JSON that it posts to /results. */
export async function runInChromium(chromium: string, page: string): Promise<unknown> {
  const folder = mkdtempSync(join(tmpdir(), 'dmabuf-test-'))
  let settle: { resolve: (value: unknown) => void; reject: (error: Error) => void } | undefined
  const results = new Promise<unknown>((resolve, reject) => {
    settle = { resolve, reject }
  })
  const server = createServer((request, response) => {
    if (request.url !== '/results') {
      answer(request, response)
      return
    }
    let text = ''
    request.on('data', (chunk: Buffer) => (text += chunk.toString()))
    request.on('end', () => {
      response.end()
      settle?.resolve(JSON.parse(text))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking']
  const args = [...flags, '--no-first-run', `--user-data-dir=${folder}`]
  // A group of its own: Chromium is many processes.
  const child = spawn(chromium, [...args, `http://127.0.0.1:${port}/pages/${page}`], {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => {
      settle?.reject(new Error(`Chromium ended: ${stderr}`))
      resolve()
    })
  })
  child.once('error', (error) => settle?.reject(error))
  const timer = setTimeout(() => {
    settle?.reject(new Error(`Chromium said nothing for ${BOUND_MS} ms: ${stderr}`))
  }, BOUND_MS)
  try {
    return await results
  } finally {
    clearTimeout(timer)
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL')
    await exited
    server.closeAllConnections()
    server.close()
    // Its other processes may still be on their way out.
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
  }
}
