// Starts the two programs of the README: a viewer that waits for its camera, then the camera.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

async function outputOf(program: string, args: readonly string[]): Promise<string> {
  const script = fileURLToPath(new URL(program, import.meta.url))
  const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const output = await text(child.stdout)
  assert.equal(await exited, 0, program)
  return output
}

const folder = await mkdtemp(join(tmpdir(), 'dmabuf-example-'))
try {
  const [path, file] = [join(folder, 'cam.sock'), join(folder, 'frame.yuv')]
  const viewer = outputOf('viewer.js', [path, file])
  await outputOf('camera.js', [path])

  const lines = (await viewer).trimEnd().split('\n')
  assert.match(lines.at(-1) ?? '', /^frame 200: shade 200,/)
  const picture = await readFile(file)
  assert.equal(picture.length, 640 * 360 * 1.5)
  assert.equal(picture[0], 200)
  console.log(`the viewer saw ${lines.length} of 200 frames, among them the last`)
} finally {
  await rm(folder, { recursive: true })
}
