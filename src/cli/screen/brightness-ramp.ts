import type { RgbPicture } from './half-blocks.js'

/** From dark to bright, on a dark terminal. */
const RAMP = ' .:-=+*#%@'

/**
 * The picture as plain characters, the fuller the brighter, two of its rows in each line: the shape of drawHalfBlocks()
 * where colour is not wanted.
 *
 * @returns ceil(rows / 2) lines of `columns` characters
 */
export function drawBrightnessRamp(picture: RgbPicture): string[] {
  const { columns, rows } = picture
  return Array.from({ length: Math.ceil(rows / 2) }, (_, line) => {
    const upper = line * 2
    const lower = Math.min(upper + 1, rows - 1)
    const characters = Array.from({ length: columns }, (_, column) => {
      const brightness =
        (brightnessAt(picture, upper, column) + brightnessAt(picture, lower, column)) / 2
      return RAMP[Math.floor((brightness / 256) * RAMP.length)]!
    })
    return characters.join('')
  })
}

function brightnessAt({ columns, rgb }: RgbPicture, row: number, column: number): number {
  const index = (row * columns + column) * 3
  return (299 * rgb[index]! + 587 * rgb[index + 1]! + 114 * rgb[index + 2]!) / 1000
}
