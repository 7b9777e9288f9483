// Goal: every point has its colour on the screen, with as few escape sequences as that takes.
// Method: pictures of few points, their lines written out.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drawHalfBlocks } from '#src/cli/screen/half-blocks.js'

const RED = [255, 0, 0]
const BLUE = [0, 0, 255]
const GREY = [9, 9, 9]

function linesOf(rows: readonly (readonly (readonly number[])[])[]): string[] {
  const columns = rows[0]?.length ?? 0
  return drawHalfBlocks({ columns, rows: rows.length, rgb: Uint8Array.from(rows.flat(2)) })
}

const foreground = (color: readonly number[]) => `\x1b[38;2;${color.join(';')}m`
const background = (color: readonly number[]) => `\x1b[48;2;${color.join(';')}m`
const RESET = '\x1b[0m'

test('drawHalfBlocks puts the upper point in the foreground, the lower in the background', () => {
  assert.deepEqual(linesOf([[RED], [BLUE]]), [`${background(BLUE)}${foreground(RED)}▀${RESET}`])
})

test('drawHalfBlocks writes a colour again only when it changes', () => {
  const [line] = linesOf([
    [RED, RED, GREY],
    [BLUE, BLUE, BLUE],
  ])
  assert.equal(line, `${background(BLUE)}${foreground(RED)}▀▀${foreground(GREY)}▀${RESET}`)
})

test('drawHalfBlocks writes a space where both points are the same', () => {
  const [line] = linesOf([
    [RED, BLUE, RED],
    [BLUE, BLUE, BLUE],
  ])
  assert.equal(line, `${background(BLUE)}${foreground(RED)}▀ ▀${RESET}`)
})

test('drawHalfBlocks leaves the background of the terminal below the last row of an odd number', () => {
  assert.deepEqual(linesOf([[RED]]), [`${foreground(RED)}▀${RESET}`])
})

test('drawHalfBlocks begins every line without a colour of the line before', () => {
  const lines = linesOf([[RED], [BLUE], [RED], [BLUE]])
  assert.equal(lines.length, 2)
  assert.equal(lines[1], lines[0])
})

test('drawHalfBlocks finds the rows of every line', () => {
  const one = [1, 1, 1]
  const two = [2, 2, 2]
  const lines = linesOf([
    [RED, RED],
    [BLUE, BLUE],
    [one, one],
    [two, two],
  ])
  assert.equal(lines[1], `${background(two)}${foreground(one)}▀▀${RESET}`)
})

test('drawHalfBlocks of no rows is no line', () => {
  assert.deepEqual(linesOf([]), [])
})
