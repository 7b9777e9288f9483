// Only SGR (colour and weight) passes: everything else that a terminal would act upon is dropped, for the names in a
// line may come from other programs. A tail that is no whole sequence loses its ESC and is text.

const RESET = '\x1b[0m'
const ESCAPE = 0x1b

/** Control sequences, titles and links, lone escapes, control characters, changes of the writing direction. */
const DROPPED =
  /\x1b\[[\d;:<=>?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[^[]?|[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/uy

/** Most text: one column each. Only saves time. */
const PLAIN = /^[ -~\u2500-\u259f]/

/** Characters that take two columns: East Asian wide forms and emoji. Close enough for names and titles. */
const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f680}-\u{1f6ff}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]/u
const ZERO_WIDTH = /^[\p{M}\u200b-\u200f\u2060\ufeff]/u

/** A text that is safe to write on a line, and the columns that it takes there. */
export interface FittedText {
  readonly text: string
  readonly columns: number
}

/** How many columns `text` takes on a terminal; colour takes none. */
export function visibleWidth(text: string): number {
  return fitText(text, Infinity).columns
}

/**
 * `text` cut to at most `maxColumns` visible columns, its colours kept and ended by a reset.
 *
 * Control characters and escape sequences other than colour are left out: the result stays on its line.
 */
export function fitText(text: string, maxColumns: number): FittedText {
  const length = text.length
  let result = ''
  let columns = 0
  let isColored = false
  for (let index = 0; index < length;) {
    const colorEnd = findColorEnd(text, index)
    if (colorEnd > index) {
      isColored = !isReset(text, index, colorEnd)
      result += text.slice(index, colorEnd)
      index = colorEnd
      continue
    }
    const character = String.fromCodePoint(text.codePointAt(index)!)
    const isPlain = PLAIN.test(character)
    const droppedLength = isPlain ? 0 : matchLength(DROPPED, text, index)
    if (droppedLength > 0) {
      index += droppedLength
      continue
    }
    const width = isPlain ? 1 : characterWidth(character)
    if (columns + width > maxColumns) break
    columns += width
    result += character
    index += character.length
  }
  return { text: isColored ? result + RESET : result, columns }
}

/** The index behind the SGR sequence that begins at `index`, or `index` if none does. */
function findColorEnd(text: string, index: number): number {
  if (text.charCodeAt(index) !== ESCAPE || text[index + 1] !== '[') return index
  let end = index + 2
  while (isParameter(text.charCodeAt(end))) end += 1
  return text[end] === 'm' ? end + 1 : index
}

/** Digits, ':' and ';' are one range of codes. */
function isParameter(code: number): boolean {
  return code >= 0x30 && code <= 0x3b
}

function isReset(text: string, start: number, end: number): boolean {
  return end - start <= 4 && (end - start === 3 || text[start + 2] === '0')
}

function characterWidth(character: string): number {
  if (ZERO_WIDTH.test(character)) return 0
  return WIDE.test(character) ? 2 : 1
}

function matchLength(sticky: RegExp, text: string, index: number): number {
  sticky.lastIndex = index
  return sticky.test(text) ? sticky.lastIndex - index : 0
}
