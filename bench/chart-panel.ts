// What the panels of a picture have in common.

/** Where the data of a panel lies, in pixels. */
export const PANEL = { left: 70, top: 46, width: 520, height: 300 }

/** Ours first, and so that they stay apart for people who see colours differently. */
export const COLOURS = [
  '#0b5fff',
  '#111111',
  '#009e73',
  '#e69f00',
  '#cc79a7',
  '#56b4e9',
  '#d55e00',
  '#888888',
  '#7a5195',
  '#8c6d31',
]

/** The values of a row, microseconds, in the order of the columns; undefined where one was not measured. */
export interface Line {
  readonly name: string
  readonly values: readonly (number | undefined)[]
}

/** A table to draw. */
export interface Panel {
  readonly title: string
  readonly columns: readonly string[]
  readonly lines: readonly Line[]
  /** A dot for each value in the line of its row; lines over the columns otherwise. */
  readonly isDots: boolean
}

/** The powers of ten around all values: the exponents, and the values themselves. */
export function decadesOf(lines: readonly Line[]): {
  low: number
  high: number
  decades: readonly number[]
} {
  const all = lines.flatMap(({ values }) => values.filter((value) => value !== undefined))
  const low = Math.floor(Math.log10(Math.min(...all)))
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...all))))
  const decades = Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index))
  return { low, high, decades }
}

/** A power of ten of microseconds in its usual unit. */
export function sayTime(us: number): string {
  if (us < 1) return `${Math.round(us * 1000)} ns`
  if (us < 1000) return `${us} µs`
  return us < 1e6 ? `${us / 1000} ms` : `${us / 1e6} s`
}

/** Pixels, as SVG wants them. */
export function at(pixels: number): string {
  return pixels.toFixed(1)
}

/** A text between tags. */
export function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
