// Goal: colour is used where the user and the terminal want it, and nowhere else.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drawBrightnessRamp } from '#src/cli/screen/brightness-ramp.js'
import { drawHalfBlocks } from '#src/cli/screen/half-blocks.js'
import { isColorWanted, pictureLines } from '#src/cli/screen/picture-lines.js'

const PICTURE = { columns: 1, rows: 2, rgb: Uint8Array.of(1, 2, 3, 250, 251, 252) }

test('isColorWanted unless NO_COLOR holds something', () => {
  assert.equal(isColorWanted({ TERM: 'xterm-256color' }), true)
  assert.equal(isColorWanted({ NO_COLOR: '' }), true)
  assert.equal(isColorWanted({ NO_COLOR: '1' }), false)
  assert.equal(isColorWanted({ NO_COLOR: '0' }), false)
})

test('isColorWanted by no dumb terminal', () => {
  assert.equal(isColorWanted({ TERM: 'dumb' }), false)
})

test('pictureLines draws half blocks in colour and a ramp without', () => {
  assert.deepEqual(pictureLines(PICTURE, { color: true }), drawHalfBlocks(PICTURE))
  assert.deepEqual(pictureLines(PICTURE, { color: false }), drawBrightnessRamp(PICTURE))
})
