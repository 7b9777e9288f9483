// A panel of calls: a line of the picture for each, and on it a dot for each side.
import { at, COLOURS, decadesOf, escape, sayTime, type Panel } from './chart-panel.js'

const LEFT = 300
const WIDTH = 500
const TOP = 70
const ROW = 30

/** How high such a panel is, in pixels. */
export function dotsHeight({ lines }: Panel): number {
  return TOP + lines.length * ROW + 40
}

/** Draws it, so many pixels from the top. */
export function drawDots({ title, columns, lines }: Panel, offset: number): string {
  const { low, high, decades } = decadesOf(lines)
  const x = (us: number): number => LEFT + ((Math.log10(us) - low) / (high - low)) * WIDTH
  const first = offset + TOP
  const bottom = first + lines.length * ROW
  const grid = decades.map(
    (us) =>
      `<line x1="${at(x(us))}" x2="${at(x(us))}" y1="${first - 8}" y2="${bottom}" stroke="#e4e4e4"/>` +
      `<text x="${at(x(us))}" y="${bottom + 16}" text-anchor="middle" fill="#555555">${sayTime(us)}</text>`,
  )
  const rows = lines.map(({ name, values }, index) => {
    const y = first + (index + 0.5) * ROW
    const measured = values.filter((value) => value !== undefined).map(x)
    const span = `x1="${at(Math.min(...measured))}" x2="${at(Math.max(...measured))}"`
    const dots = values.map((us, column) =>
      us === undefined
        ? ''
        : `<circle cx="${at(x(us))}" cy="${at(y)}" r="6" fill="${COLOURS[column]}"/>`,
    )
    return [
      `<text x="${LEFT - 16}" y="${at(y + 4)}" text-anchor="end" fill="#111111">${escape(name)}</text>`,
      `<line ${span} y1="${at(y)}" y2="${at(y)}" stroke="#888888"/>`,
      ...dots,
    ].join('\n')
  })
  const legend = columns.map((name, column) => {
    const left = LEFT + column * 110
    return (
      `<circle cx="${left}" cy="${offset + 46}" r="6" fill="${COLOURS[column]}"/>` +
      `<text x="${left + 12}" y="${offset + 50}" fill="#111111">${escape(name)}</text>`
    )
  })
  const head = `<text x="16" y="${offset + 28}" font-size="15" fill="#111111">${escape(title)}: time</text>`
  return [head, ...legend, ...grid, ...rows].join('\n')
}
