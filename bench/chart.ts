// Tables of measurements as a picture, in SVG: lines over sizes, or a dot for each side of each call.
import { drawDots, dotsHeight } from './chart-dots.js'
import { at, COLOURS, decadesOf, escape, PANEL, sayTime, type Panel } from './chart-panel.js'
import type { Measurement } from './measurement.js'

const WIDTH = 860
const STEP = 390
/** Pixels between two labels at the right edge. */
const LABEL_GAP = 15
/** The tables that measurements make with their cells, both sides on one core: a panel each, times logarithmic. */
export function chartOf(measurements: readonly Measurement[], caption: string): string {
  const panels = panelsOf(measurements)
  let height = 0
  const drawn = panels.map((panel) => {
    const top = height
    height += panel.isDots ? dotsHeight(panel) : STEP
    return panel.isDots ? drawDots(panel, top) : drawLines(panel, top)
  })
  height += 40
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
      const values = columns.map(
        (column) => inRow.find(({ cell }) => cell!.column === column)?.oneCore!.median,
      )
      return { name, values }
    })
    return { title, columns, lines, isDots: inTable[0]!.cell!.chart === 'dots' }
  })
}

function drawLines({ title, columns, lines }: Panel, offset: number): string {
  const { low, high, decades } = decadesOf(lines)
  const bottom = offset + PANEL.top + PANEL.height
  const x = (column: number): number => PANEL.left + ((column + 0.5) / columns.length) * PANEL.width
  const y = (us: number): number => bottom - ((Math.log10(us) - low) / (high - low)) * PANEL.height
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
  const measured = lines.map(({ values }) =>
    values.flatMap((us, column) => (us === undefined ? [] : [{ us, column }])),
  )
  const ends = apart(measured.map((points) => y(points.at(-1)!.us)))
  const drawn = lines.map(({ name }, index) => {
    const colour = COLOURS[index % COLOURS.length]
    const points = measured[index]!.map(({ us, column }) => `${at(x(column))},${at(y(us))}`)
    const dots = measured[index]!.map(
      ({ us, column }) =>
        `<circle cx="${at(x(column))}" cy="${at(y(us))}" r="3" fill="${colour}"/>`,
    )
    const end = measured[index]!.at(-1)!
    const last = `${at(x(end.column) + 5)},${at(y(end.us))}`
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
