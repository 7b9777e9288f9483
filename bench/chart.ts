// The tables of bench/rows/exchanges.ts as a picture, in SVG.
import type { Measurement } from './measurement.js'

const WIDTH = 860
const PANEL = { left: 70, top: 46, width: 520, height: 300 }
const STEP = 390
/** Pixels between two labels at the right edge. */
const LABEL_GAP = 15
/** Ours first, and so that they stay apart for people who see colours differently. */
const COLOURS = [
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

interface Line {
  readonly name: string
  readonly values: readonly number[]
}

interface Panel {
  readonly title: string
  readonly columns: readonly string[]
  readonly lines: readonly Line[]
}

/** The tables that measurements make with their cells, both sides on one core: a panel each, times logarithmic. */
export function chartOf(measurements: readonly Measurement[], caption: string): string {
  const panels = panelsOf(measurements)
  const height = PANEL.top + panels.length * STEP
  const drawn = panels.map((panel, index) => drawPanel(panel, index * STEP))
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    ...drawn,
    `<text x="${PANEL.left}" y="${height - 14}" fill="#555555" font-size="11">${escape(caption)}</text>`,
    '</svg>\n',
  ].join('\n')
}

function panelsOf(measurements: readonly Measurement[]): readonly Panel[] {
  const cells = measurements.filter(
    ({ cell, oneCore }) => cell !== undefined && oneCore !== undefined,
  )
  const unique = (names: readonly string[]): readonly string[] => [...new Set(names)]
  return unique(cells.map(({ cell }) => cell!.table)).map((title) => {
    const inTable = cells.filter(({ cell }) => cell!.table === title)
    const columns = unique(inTable.map(({ cell }) => cell!.column))
    const lines = unique(inTable.map(({ cell }) => cell!.row)).map((name) => {
      const inRow = inTable.filter(({ cell }) => cell!.row === name)
      return { name, values: inRow.map(({ oneCore }) => oneCore!.median) }
    })
    return { title, columns, lines }
  })
}

function drawPanel({ title, columns, lines }: Panel, offset: number): string {
  const all = lines.flatMap(({ values }) => values)
  const low = Math.floor(Math.log10(Math.min(...all)))
  const high = Math.ceil(Math.log10(Math.max(...all)))
  const bottom = offset + PANEL.top + PANEL.height
  const x = (column: number): number => PANEL.left + ((column + 0.5) / columns.length) * PANEL.width
  const y = (us: number): number => bottom - ((Math.log10(us) - low) / (high - low)) * PANEL.height
  const decades = Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index))
  const right = PANEL.left + PANEL.width
  const grid = decades.map(
    (us) =>
      `<line x1="${PANEL.left}" x2="${right}" y1="${at(y(us))}" y2="${at(y(us))}" stroke="#e4e4e4"/>` +
      `<text x="${PANEL.left - 8}" y="${at(y(us) + 4)}" text-anchor="end" fill="#555555">${sayTime(us)}</text>`,
  )
  const ticks = columns.map(
    (name, column) =>
      `<text x="${at(x(column))}" y="${bottom + 20}" text-anchor="middle" fill="#555555">${escape(name)}</text>`,
  )
  const ends = apart(lines.map(({ values }) => y(values.at(-1) ?? 1)))
  const drawn = lines.map(({ name, values }, index) => {
    const colour = COLOURS[index % COLOURS.length]
    const points = values.map((us, column) => `${at(x(column))},${at(y(us))}`)
    const dots = values.map(
      (us, column) => `<circle cx="${at(x(column))}" cy="${at(y(us))}" r="3" fill="${colour}"/>`,
    )
    const last = `${at(x(values.length - 1) + 5)},${at(y(values.at(-1) ?? 1))}`
    return [
      `<polyline points="${points.join(' ')}" fill="none" stroke="${colour}" stroke-width="${index === 0 ? 3 : 1.5}"/>`,
      ...dots,
      `<polyline points="${last} ${right + 6},${at(ends[index]!)}" fill="none" stroke="${colour}" stroke-width="0.5"/>`,
      `<text x="${right + 10}" y="${at(ends[index]! + 4)}" fill="${colour}"${index === 0 ? ' font-weight="bold"' : ''}>${escape(name)}</text>`,
    ].join('\n')
  })
  const head = `<text x="${PANEL.left}" y="${offset + 28}" font-size="15" fill="#111111">${escape(title)}: time</text>`
  return [head, ...grid, ...ticks, ...drawn].join('\n')
}

/** The same heights, moved down where labels would overlap. */
function apart(heights: readonly number[]): readonly number[] {
  const order = heights.map((_, index) => index).sort((a, b) => heights[a]! - heights[b]!)
  const moved = [...heights]
  let free = Number.NEGATIVE_INFINITY
  for (const index of order) {
    moved[index] = Math.max(heights[index]!, free)
    free = moved[index] + LABEL_GAP
  }
  return moved
}

function sayTime(us: number): string {
  if (us < 1000) return `${us} µs`
  return us < 1e6 ? `${us / 1000} ms` : `${us / 1e6} s`
}

function at(pixels: number): string {
  return pixels.toFixed(1)
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
