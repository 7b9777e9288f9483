// Goal: the main job with a real camera: its driver writes the frames that both viewers read.
// Method: `dmabuf play --camera` with vivid, in three processes; its summary is looked at. How fast it is depends on the
// machine that emulates this one: that is printed, not judged.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { decode } from 'fast-png'
import { openDevice } from '#src/cli/roles/device-feed.js'
import { DmaBufError } from '#src/core/errors.js'
import { Capture } from '#src/devices/v4l2/capture.js'
import type { PlaySummary } from '#src/cli/play/summary.js'
import { showOnly, vividNode } from '../helpers/vivid.js'

const MAIN = new URL('../../../dist/cli/main.js', import.meta.url).pathname
const run = promisify(execFile)

let folder = ''

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'dmabuf-camera-job-'))
})

after(() => {
  rmSync(folder, { recursive: true })
})

async function play(
  frames: number,
  format: string,
  more: readonly string[] = [],
): Promise<PlaySummary> {
  const asked = ['--size', '640x360', '--fps', '30', '--format', format, '--frames', `${frames}`]
  const args = ['play', '--camera', vividNode('vid-cap'), ...asked, ...more, '--json']
  const { stdout } = await run(process.execPath, [MAIN, ...args], { cwd: folder })
  return JSON.parse(stdout) as PlaySummary
}

test('play --camera lists the cameras', async () => {
  const { stdout } = await run(process.execPath, [MAIN, 'play', '--camera'])
  assert.match(stdout, new RegExp(`^${vividNode('vid-cap')}  vivid \\(vivid\\)\n {4}`, 'm'))
})

test('play --camera: the driver fills the buffers that both viewers read, nothing is copied', async (t) => {
  showOnly('red')
  const summary = await play(90, 'NV12')
  assert.deepEqual(summary.exitCodes, { camera: 0, measure: 0, pictures: 0 })
  assert.equal(summary.frames, 90)
  assert.equal(summary.bytesCopied, 0)
  const { capture } = summary
  assert.equal(capture?.fourcc, 'NV12')
  assert.deepEqual([capture.width, capture.height], [640, 360])
  assert.equal(capture.memory, 'system, imported')
  const [, measure, pictures] = summary.processes
  assert.equal(measure?.frames, 90)
  assert.ok(pictures && pictures.frames > 0)
  // The measuring viewer has looked at every buffer, the other one at some of them; the camera never looks.
  assert.ok(measure.inodes.length > 1)
  assert.ok(pictures.inodes.length > 0)
  assert.ok(pictures.inodes.every((inode) => measure.inodes.includes(inode)))
  assert.deepEqual(summary.processes[0]?.inodes, [])
  t.diagnostic(
    `${capture.framesPerSecond.toFixed(1)} frames a second of 30, ${capture.missed} missed, handoff p50 ${summary.handoffP50Us} µs`,
  )
})

test('play --camera --memory copy: each picture is copied once, and every byte is counted', async () => {
  const summary = await play(30, 'NV12', ['--memory', 'copy'])
  assert.deepEqual(summary.exitCodes, { camera: 0, measure: 0, pictures: 0 })
  assert.equal(summary.bytesCopied, 30 * 640 * 360 * 1.5)
  assert.equal(summary.capture?.memory, "copied from the driver's own")
})

test('play --camera --memory export: the driver’s own buffers are shared', async () => {
  const summary = await play(30, 'NV12', ['--memory', 'export'])
  assert.equal(summary.bytesCopied, 0)
  assert.equal(summary.capture?.memory, "the driver's own, exported")
})

for (const [what, exports, expected] of [
  ['exports only', undefined, /^the driver's own, exported \(EINVAL: No\)$/],
  [
    'neither imports nor exports',
    new DmaBufError('ENOTTY', 'buffers', 'No'),
    /^copied: this driver neither imports nor exports$/,
  ],
] as const)
  test(`A camera whose driver ${what} is played, and it is said how`, async (t) => {
    t.mock.method(Capture.prototype, 'tryFill', () => new DmaBufError('EINVAL', 'queue', 'No'))
    t.mock.method(Capture.prototype, 'tryExport', () => exports)
    const device = vividNode('vid-cap')
    const wanted = { picture: {}, framesPerSecond: undefined, memory: undefined }
    const feed = await openDevice({ device, ...wanted, frames: undefined, buffers: 4 })
    assert.match(feed.memory ?? '', expected)
    await feed.close()
  })

test('play --camera: what the viewers drew is what the camera showed', () => {
  const { data, width } = decode(readFileSync(join(folder, 'contact-sheet.png')))
  // The first picture begins behind a margin of 12 points.
  const at = (20 * width + 20) * 3
  const [red = 0, green = 0, blue = 0] = data.subarray(at, at + 3)
  assert.ok(red > 245 && green < 10 && blue < 10, `${red} ${green} ${blue}`)
})
