// Only SGR (colour and weight) passes: everything else that a terminal would act upon is dropped, for the names in a
// line may come from other programs. A tail that is no whole sequence loses its ESC and is text.
const PIECE =
  /(?<color>\x1b\[[\d;:]*m)|(?<other>\x1b\[[\d;:<=>?]*[ -/]*[@-~]|\x1b[^[]?|[\x00-\x1f\x7f-\x9f])|(?<text>\P{M}\p{M}*)/gsu
const RESET = '\x1b[0m'

/** Characters that take two columns: East Asian wide forms and emoji. Close enough for names and titles. */
const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f680}-\u{1f6ff}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]/u
const ZERO_WIDTH = /^[\p{M}\u200b-\u200f\u2060\ufeff]/u

/** How many columns `text` takes on a terminal; colour takes none. */
export function visibleWidth(text: string): number {
  return pieces(text).reduce((sum, { columns }) => sum + columns, 0)
}

/**
 * `text` with at most `columnCount` visible columns, its colours kept and ended by a reset.
 *
 * Control characters and escape sequences other than colour are left out: the result stays on its line.
 */
export function truncateText(text: string, columnCount: number): string {
  let result = ''
  let usedColumns = 0
  let isColored = false
  for (const piece of pieces(text)) {
    if (usedColumns + piece.columns > columnCount) break
    usedColumns += piece.columns
    result += piece.text
    if (piece.isColor) isColored = !/^\x1b\[0*m$/.test(piece.text)
  }
  return isColored ? result + RESET : result
}

interface Piece {
  readonly text: string
  readonly columns: number
  readonly isColor: boolean
}

function pieces(text: string): Piece[] {
  return Array.from(text.matchAll(PIECE))
    .filter(({ groups }) => groups?.['other'] === undefined)
    .map(({ 0: piece, groups }) => {
      const isColor = groups?.['color'] !== undefined
      return { text: piece, columns: isColor ? 0 : characterWidth(piece), isColor }
    })
}

function characterWidth(character: string): number {
  if (ZERO_WIDTH.test(character)) return 0
  return WIDE.test(character) ? 2 : 1
}
