// Numbers and words about mutants that were tried; nothing here touches a file.
import { dirname } from 'node:path'

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

/** The places of a source map: from line and column of the source to those of the result, all from 0. */
export function segmentsOf(mappings) {
  const segments = []
  let sourceLine = 0
  let sourceColumn = 0
  mappings.split(';').forEach((group, line) => {
    let column = 0
    for (const text of group ? group.split(',') : []) {
      const [columns, , lines, sourceColumns] = decode(text)
      column += columns
      if (lines === undefined) continue
      sourceLine += lines
      sourceColumn += sourceColumns
      segments.push({ line, column, sourceLine, sourceColumn })
    }
  })
  return segments
}

function decode(text) {
  const values = []
  let value = 0
  let shift = 0
  for (const letter of text) {
    const digit = LETTERS.indexOf(letter)
    value += (digit & 31) << shift
    shift += 5
    if (digit & 32) continue
    values.push(value & 1 ? -(value >> 1) : value >> 1)
    value = shift = 0
  }
  return values
}

/** Tells for a position of the source the position in the result; -1 where it has none. */
export function locator(source, code, mappings) {
  const segments = segmentsOf(mappings)
  const sourceStarts = lineStarts(source)
  const codeStarts = lineStarts(code)
  return (position) => {
    const line = sourceStarts.findLastIndex((start) => start <= position)
    const column = position - sourceStarts[line]
    let best
    for (const segment of segments) {
      if (segment.sourceLine !== line || segment.sourceColumn > column) continue
      if (!best || segment.sourceColumn > best.sourceColumn) best = segment
    }
    return best ? codeStarts[best.line] + best.column : -1
  }
}

function lineStarts(text) {
  return [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)]
}

/** `count` of the list, chosen by a seed and in the order of the list; all if there are not more. */
export function sample(list, count, seed) {
  const random = mulberry32(seed)
  const order = list.map((_, index) => ({ index, key: random() })).sort((a, b) => a.key - b.key)
  const chosen = new Set(order.slice(0, count).map(({ index }) => index))
  return list.filter((_, index) => chosen.has(index))
}

function mulberry32(seed) {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

/** `src/core/{fence,buffer}/**` as a regular expression. A word without `*` is a part of a path. */
export function globPattern(glob) {
  const escaped = glob.replace(/[.+^$()|[\]\\]/g, '\\$&')
  const body = escaped
    .replace(/\{([^}]*)\}/g, (_, list) => `(?:${list.replaceAll(',', '|')})`)
    .replace(/\*\*\/?|\*/g, (stars) => (stars === '*' ? '[^/]*' : '.*'))
  return new RegExp(glob.includes('*') ? `^${body}$` : body)
}

/** How many were found out; a mutant that makes a test hang is. Without mutants: 100. */
export function scoreOf(results) {
  const count = (name) => results.filter(({ result }) => result === name).length
  const [killed, timeout, survived, uncovered] = ['killed', 'timeout', 'survived', 'uncovered'].map(
    count,
  )
  const score = results.length === 0 ? 100 : (100 * (killed + timeout)) / results.length
  return {
    total: results.length,
    killed,
    timeout,
    survived,
    uncovered,
    score: Math.round(score * 10) / 10,
  }
}

/** Scores by folder and by file, in their order. */
export function scores(results) {
  const by = (keyOf) =>
    Object.fromEntries(
      [...new Set(results.map(keyOf))]
        .sort()
        .map((key) => [key, scoreOf(results.filter((one) => keyOf(one) === key))]),
    )
  const folders = by(({ path }) => dirname(path))
  return { total: scoreOf(results), folders, files: by(({ path }) => path) }
}

export function survivorLine({ path, line, kind, original, replacement, result }) {
  const short = (text) => {
    const flat = text.replaceAll(/\s+/g, ' ')
    return flat.length > 50 ? `${flat.slice(0, 49)}…` : flat
  }
  const where = `${path}:${line}`
  const note = result === 'uncovered' ? ' (no test gets there)' : ''
  return `${where} ${kind}: ${short(original)} → ${short(replacement) || '(nothing)'}${note}`
}

/** The whole report as text. */
export function describeResults(results) {
  const { total, folders, files } = scores(results)
  const row = (name, { score, total: all, killed, timeout, survived, uncovered }) =>
    [`${score.toFixed(1).padStart(5)} %`, all, killed, timeout, survived, uncovered, name]
      .map((cell) => (typeof cell === 'number' ? String(cell).padStart(9) : cell))
      .join(' ')
  const rows = Object.entries({ ...folders, ...files }).sort(([a], [b]) => (a < b ? -1 : 1))
  const left = results.filter(({ result }) => result === 'survived' || result === 'uncovered')
  return [
    ...left.map(survivorLine),
    '',
    '  score    mutants   killed  timeout survived uncovered',
    ...rows.map(([name, score]) => row(name, score)),
    row('all', total),
  ].join('\n')
}

/** What is below the threshold: a folder of a whole run; of a sample, which has too few for that, all. */
export function belowThreshold(results, threshold, isSample) {
  const { total, folders } = scores(results)
  const judged = isSample ? { 'the sample': total } : folders
  return Object.entries(judged)
    .filter(([, { score }]) => score < threshold)
    .map(([name, { score }]) => `${name}: ${score} % is below ${threshold} %`)
}
