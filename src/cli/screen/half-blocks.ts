/** A picture as RGB bytes, row by row; a Thumbnail is one. */
export interface RgbPicture {
  readonly columns: number
  readonly rows: number
  /** columns * rows * 3 bytes. */
  readonly rgb: Uint8Array
}

const UPPER_HALF_BLOCK = '▀'
const RESET = '\x1b[0m'

/**
 * The picture as lines of text, two of its rows in each, every point as wide as it is high on most terminals.
 *
 * The upper row is the foreground of '▀', the lower its background, in 24 bit colour. Only changes of colour are
 * written; every line starts anew and ends with a reset, so lines may be put beside other text.
 *
 * @returns ceil(rows / 2) lines of `columns` characters, without newlines
 */
export function drawHalfBlocks(picture: RgbPicture): string[] {
  const lineCount = Math.ceil(picture.rows / 2)
  return Array.from({ length: lineCount }, (_, line) => drawLine(picture, line * 2))
}

function drawLine({ columns, rows, rgb }: RgbPicture, row: number): string {
  const lowerStart = row + 1 < rows ? (row + 1) * columns * 3 : undefined
  let text = ''
  let foreground = ''
  let background = ''
  for (let column = 0; column < columns; column += 1) {
    const upper = colorAt(rgb, (row * columns + column) * 3)
    const lower = lowerStart === undefined ? '' : colorAt(rgb, lowerStart + column * 3)
    if (lower !== background) {
      text += `\x1b[48;2;${lower}m`
      background = lower
    }
    // One colour from top to bottom needs no foreground.
    if (upper === lower) {
      text += ' '
      continue
    }
    if (upper !== foreground) {
      text += `\x1b[38;2;${upper}m`
      foreground = upper
    }
    text += UPPER_HALF_BLOCK
  }
  return text + RESET
}

function colorAt(rgb: Uint8Array, index: number): string {
  return `${rgb[index]!};${rgb[index + 1]!};${rgb[index + 2]!}`
}
