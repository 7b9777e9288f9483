// Goal: `dmabuf play` hands every frame to both viewers in place, and says truly what happened.
// Method: the real command with three real processes; its JSON is checked against the clip.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { PlaySummary } from '#src/cli/play/summary.js'
import { runDmabuf, scratchFolder, startDmabuf, y4mClip } from '../../helpers/dmabuf-command.js'

const FRAMES = 30
const clip = y4mClip({ width: 320, height: 180, frames: FRAMES })
const frameBytes = 320 * 180 * 1.5

function summaryOf(stdout: string): PlaySummary {
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as PlaySummary
}

test('play --json measures a run of three processes that share every frame', async () => {
  using folder = scratchFolder()
  writeFileSync(join(folder.path, 'clip.y4m'), clip)
  const { code, stdout } = await runDmabuf(['play', 'clip.y4m', '--json'], folder.path)
  assert.equal(code, 0)
  const summary = summaryOf(stdout)
  assert.equal(summary.frames, FRAMES)
  assert.equal(summary.buffers, 5)
  assert.equal(summary.bytesCopied, 0)
  assert.equal(summary.dropped, 0)
  assert.deepEqual(summary.exitCodes, { camera: 0, measure: 0, pictures: 0 })
  const [camera, measure, pictures] = summary.processes
  assert.deepEqual(
    summary.processes.map(({ role }) => role),
    ['camera', 'measure', 'pictures'],
  )
  assert.equal(new Set(summary.processes.map(({ pid }) => pid)).size, 3)
  assert.equal(measure?.frames, FRAMES)
  assert.equal(camera?.inodes.length, 5)
  assert.deepEqual(measure.inodes, camera.inodes)
  assert.deepEqual(pictures?.inodes, camera.inodes)
  assert.equal(summary.bytesShared, (FRAMES + pictures.frames) * frameBytes)
  assert.ok((summary.handoffP50Us ?? 0) > 0)
  assert.ok((summary.handoffP99Us ?? 0) >= (summary.handoffP50Us ?? 0))
  assert.ok(summary.comparison !== null && summary.comparison.frameBytes === 3840 * 2160 * 1.5)
  const png = readFileSync(join(folder.path, 'contact-sheet.png'))
  assert.equal(summary.contactSheet, join(folder.path, 'contact-sheet.png'))
  assert.equal(png.subarray(1, 4).toString(), 'PNG')
})

test('play reads a clip from standard input', async () => {
  using folder = scratchFolder()
  const ended = await runDmabuf(['play', '-', '--fast', '--json'], folder.path, clip)
  assert.equal(ended.code, 0, ended.stderr)
  assert.equal(summaryOf(ended.stdout).frames, FRAMES)
})

test('play --loop --frames goes on beyond the end of the clip and stops at the number', async () => {
  using folder = scratchFolder()
  writeFileSync(join(folder.path, 'clip.y4m'), clip)
  const frames = 2 * FRAMES + 5
  const args = ['play', 'clip.y4m', '--fast', '--loop', '--frames', String(frames), '--json']
  const ended = await runDmabuf(args, folder.path)
  assert.equal(ended.code, 0, ended.stderr)
  assert.equal(summaryOf(ended.stdout).frames, frames)
})

test('play delivers the frames before a cut, says where it is, and exits with 1', async () => {
  using folder = scratchFolder()
  writeFileSync(join(folder.path, 'cut.y4m'), clip.subarray(0, clip.length - 100))
  const ended = await runDmabuf(['play', 'cut.y4m', '--fast', '--json'], folder.path)
  assert.equal(ended.code, 1)
  assert.match(ended.stderr, new RegExp(`frame ${String(FRAMES)}|frame ${String(FRAMES - 1)}`))
  assert.match(ended.stderr, /cut off/)
  const summary = summaryOf(ended.stdout)
  assert.equal(summary.processes.find(({ role }) => role === 'measure')?.frames, FRAMES - 1)
  assert.ok(existsSync(join(folder.path, 'contact-sheet.png')))
})

test('play prints a line a second where there is no terminal, without escape sequences', async () => {
  using folder = scratchFolder()
  writeFileSync(join(folder.path, 'clip.y4m'), clip)
  const args = ['play', 'clip.y4m', '--loop', '--frames', '120']
  const { code, stdout } = await runDmabuf(args, folder.path)
  assert.equal(code, 0)
  assert.doesNotMatch(stdout, /\x1b/)
  assert.match(stdout, /^\d+ s  camera \d+ frames  measure \d+ \(handoff p50 .+\)  pictures \d+/m)
  assert.match(stdout, /120 frames, .+ handed to two viewers, 0 bytes copied/)
})

test('play leaves no process and no folder behind when it is interrupted', async () => {
  using folder = scratchFolder()
  writeFileSync(join(folder.path, 'clip.y4m'), clip)
  using temporary = scratchFolder()
  const env = { TMPDIR: temporary.path }
  const running = startDmabuf(['play', 'clip.y4m', '--loop'], folder.path, undefined, env)
  await running.printed(' s  camera')
  assert.equal(readdirSync(temporary.path).length, 1)
  const { pid = -1 } = running.child
  const children = readFileSync(`/proc/${String(pid)}/task/${String(pid)}/children`, 'utf8').trim()
  assert.equal(children.split(' ').length, 3)
  running.child.kill('SIGINT')
  const ended = await running.ended
  assert.equal(ended.code, 0, ended.stderr)
  assert.equal(ended.stderr, '')
  for (const child of children.split(' ')) assert.equal(existsSync(`/proc/${child}`), false)
  assert.deepEqual(readdirSync(temporary.path), [])
})

for (const [args, message] of [
  [['--size', '640x360'], /--size is for cameras/],
  [['--fps', '30'], /--fps is for cameras/],
  [['--format', 'YUYV'], /--format is for cameras/],
  [['--memory', 'copy'], /--memory is for cameras/],
  [['--camera', '/dev/video0', 'clip.y4m'], undefined],
] as const)
  test(`play refuses ${args.join(' ')} in one line`, async () => {
    using folder = scratchFolder()
    const { code, stderr } = await runDmabuf(['play', ...args], folder.path)
    assert.equal(code, 1)
    assert.match(stderr, message ?? /a clip or a camera, not both/)
    assert.equal(stderr.trim().split('\n').length, 1)
  })
