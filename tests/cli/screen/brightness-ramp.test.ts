// Goal: without colour the shape remains: fuller characters where the picture is brighter.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drawBrightnessRamp } from '#src/cli/screen/brightness-ramp.js'

/** Grey points. */
function linesOf(rows: readonly (readonly number[])[]): string[] {
  const columns = rows[0]?.length ?? 0
  const rgb = Uint8Array.from(rows.flat().flatMap((grey) => [grey, grey, grey]))
  return drawBrightnessRamp({ columns, rows: rows.length, rgb })
}

test('drawBrightnessRamp goes from space for black to @ for white in ten even steps', () => {
  const steps = [0, 25, 26, 52, 77, 103, 128, 154, 180, 205, 231, 255]
  assert.deepEqual(linesOf([steps, steps]), ['  .:-=+*#%@@'])
})

test('drawBrightnessRamp takes the mean of the two rows of a line', () => {
  assert.deepEqual(linesOf([[0], [255]]), linesOf([[127], [128]]))
})

test('drawBrightnessRamp draws the last row of an odd number alone', () => {
  assert.deepEqual(linesOf([[0], [0], [255]]), [' ', '@'])
})

test('drawBrightnessRamp sees green brighter than blue', () => {
  const lineOf = (color: number[]) =>
    drawBrightnessRamp({ columns: 1, rows: 1, rgb: Uint8Array.from(color) })[0]
  assert.deepEqual([lineOf([0, 255, 0]), lineOf([0, 0, 255])], ['+', '.'])
})
