import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  bytesCopied,
  bytesText,
  dashboard,
  pictureSize,
  plainLine,
  us,
} from '#src/cli/play/dashboard.js'
import type { PlayState } from '#src/cli/play/session.js'
import { playState } from '../../helpers/play-state.js'

const picture = { columns: 30, rows: 16 }
const plain = { color: false, picture }

test('dashboard without a camera yet says so', () => {
  const lines = dashboard({ ...playState(), ready: undefined }, plain)
  assert.deepEqual(lines, ['starting the camera …'])
})

test('dashboard shows who shares which inodes, and the pool once', () => {
  const text = dashboard(playState(), plain).join('\n')
  assert.match(text, /clip\.y4m {2}640x360 YU12, 25 fps {2}frame 40/)
  assert.match(text, /shared {4}inodes 11 12 in 3 processes/)
  assert.match(text, /Pss of the 3 together 1\.6 MiB, the pool is 1\.6 MiB/)
  assert.match(
    text,
    /measure {3}pid 2 {2}40 frames, handoff 50 µs, p99 1\.5 ms, luma 30, motion 1\.[23]/,
  )
  assert.match(text, /pictures {2}pid 3 {2}38 frames, 2 skipped/)
})

test('dashboard says when the processes do not share the same memory', () => {
  const state = playState()
  const memory = { ...state.memory, pictures: { inodes: ['99'], pssBytes: 0, copiedBytes: 0 } }
  assert.match(dashboard({ ...state, memory }, plain).join('\n'), /NOT the same/)
})

test('dashboard without colour writes no escape sequence; with colour it does', () => {
  assert.doesNotMatch(dashboard(playState(), plain).join(''), /\x1b/)
  assert.match(dashboard(playState(), { color: true, picture }).join(''), /\x1b\[1m/)
})

test('dashboard names the viewer that the camera waits for, and what it holds', () => {
  const text = dashboard(stalled(), plain).join('\n')
  assert.match(text, /camera waits for measure \(pid 2\): it holds 2, has 1 to read/)
  assert.doesNotMatch(dashboard(playState(), plain).join('\n'), /waits for/)
})

test('plainLine is one line and names the stall too', () => {
  assert.doesNotMatch(plainLine(stalled()), /\n/)
  assert.match(plainLine(stalled()), /camera 40 frames .* waits for measure/)
})

test('dashboard shows how a viewer that is gone ended', () => {
  const text = dashboard({ ...playState(), exits: { measure: 'SIGKILL' } }, plain).join('\n')
  assert.match(text, /measure {3}pid 2 {2}ended: SIGKILL/)
})

test('bytesCopied counts what our code copied and what the kernel copied for viewers', () => {
  const state = playState()
  assert.equal(bytesCopied(state), 0)
  const { measure, memory } = state
  assert.ok(measure !== undefined && memory.pictures !== undefined)
  const pictures = { ...memory.pictures, copiedBytes: 4096 }
  const copying = { ...state, measure: { ...measure, bytesCopied: 7 } }
  assert.equal(bytesCopied({ ...copying, memory: { ...memory, pictures } }), 4103)
})

test('us and bytesText choose their units at 1000 and 1024', () => {
  assert.deepEqual([us(undefined), us(999), us(1000)], ['-', '999 µs', '1.0 ms'])
  assert.deepEqual([bytesText(1023), bytesText(1024)], ['1023 B', '1 KiB'])
  assert.deepEqual([bytesText(1024 * 1024 - 1), bytesText(1024 * 1024)], ['1024 KiB', '1.0 MiB'])
})

test('A screen with everything on it fits a terminal of 80 by 24', () => {
  const terminal = { columns: 80, rows: 23 }
  const state = { ...stalled(), events: ['one', 'two', 'three'] }
  const lines = dashboard(state, { color: false, picture: pictureSize(terminal) })
  assert.ok(lines.length <= terminal.rows, String(lines.length))
  for (const line of lines) assert.ok(line.length <= terminal.columns, line)
})

test('pictureSize grows with the terminal up to 12 lines, and two fit side by side', () => {
  assert.deepEqual(pictureSize({ columns: 200, rows: 60 }), { columns: 43, rows: 24 })
  assert.deepEqual(pictureSize({ columns: 60, rows: 60 }), { columns: 29, rows: 24 })
  assert.deepEqual(pictureSize({ columns: 80, rows: 10 }), { columns: 11, rows: 6 })
})

function stalled(): PlayState {
  const state = playState()
  assert.ok(state.camera !== undefined)
  const waitsFor = [{ pid: 2, mode: 'fifo', held: 2, lagFrames: 1 }] as const
  return { ...state, camera: { ...state.camera, waitsFor } }
}
