// Goal: the camera plays its clip into the queue at the clip's rate or as fast as it is read.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { runCamera } from '#src/cli/roles/camera.js'
import { openClip } from '#src/cli/roles/clip-feed.js'
import type { Report } from '#src/cli/roles/report.js'
import { connectFrames } from '#src/linux/index.js'
import { scratchFolder, y4mClip } from '../../helpers/dmabuf-command.js'

async function playTo(frames: number | undefined): Promise<{ lumas: number[]; reports: Report[] }> {
  using folder = scratchFolder()
  const input = join(folder.path, 'clip.y4m')
  const socket = join(folder.path, 'queue.sock')
  writeFileSync(input, y4mClip({ width: 8, height: 4, frames: 5 }))
  const reports: Report[] = []
  const feed = await openClip({ input, fast: true, loop: frames !== undefined, frames })
  const options = { socket, buffers: 3, viewers: 1 }
  const { signal } = new AbortController()
  const playing = runCamera(feed, options, (report) => reports.push(report), signal)
  await using stream = await connectFrames(socket, { waitForServer: true })
  const lumas: number[] = []
  for await (const frame of stream) {
    lumas.push(frame.plane(0)[0] ?? -1)
    frame.release()
  }
  await playing
  return { lumas, reports }
}

test('runCamera shows every picture of the clip in order', async () => {
  const { lumas, reports } = await playTo(undefined)
  assert.deepEqual(lumas, [0, 1, 2, 3, 4])
  assert.equal(reports[0]?.kind, 'camera-ready')
  const last = reports.filter((report) => report.kind === 'camera').at(-1)
  assert.deepEqual([last?.queued, last?.dropped, last?.bytesCopied, last?.done], [5, 0, 0, true])
})

test('runCamera with loop and frames starts the clip again until the number', async () => {
  const { lumas } = await playTo(8)
  assert.deepEqual(lumas, [0, 1, 2, 3, 4, 0, 1, 2])
})
