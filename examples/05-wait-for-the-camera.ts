// A viewer that is there before its camera, outlives a camera that is killed, and ends when one closes.
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connectFrames, serveFrames } from 'dmabuf/linux'

/** Publishes three frames; the first camera then stays until it is killed. */
async function camera(path: string, name: number): Promise<void> {
  await using queue = await serveFrames(path, { lengthBytes: 4096, buffers: 4 })
  while (queue.consumers.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  for (let count = 0; count < 3; count++) {
    using frame = await queue.dequeue({ timeoutMs: 10_000 })
    frame.bytes[0] = name
    frame.queue()
  }
  if (name === 1) await new Promise(() => {})
}

async function viewer(path: string, startCamera: (name: number) => ChildProcess): Promise<void> {
  const connecting = connectFrames(path, { waitForServer: true, timeoutMs: 20_000 })
  const first = startCamera(1) // only now
  await using frames = await connecting
  const seen: string[] = []
  for await (using frame of frames) {
    seen.push(`${frame.bytes[0]}:${frame.sequence}`)
    if (seen.length !== 3) continue
    first.kill('SIGKILL')
    startCamera(2)
  } // the second camera closed: a clean end
  assert.deepEqual(seen, ['1:1', '1:2', '1:3', '2:1', '2:2', '2:3'])
  console.log(`frames of both cameras, in order: ${seen.join(' ')}`)
}

const [path, name] = process.argv.slice(2)
if (path !== undefined) {
  await camera(path, Number(name))
} else {
  const folder = await mkdtemp(join(tmpdir(), 'dmabuf-example-'))
  const socket = join(folder, 'cam.sock')
  const children: ChildProcess[] = []
  try {
    await viewer(socket, (number) => {
      const script = fileURLToPath(import.meta.url)
      const child = spawn(process.execPath, [script, socket, `${number}`], { stdio: 'inherit' })
      children.push(child)
      return child
    })
  } finally {
    for (const child of children) child.kill('SIGKILL')
    await rm(folder, { recursive: true })
  }
}
