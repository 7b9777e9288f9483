import type { Capability, CapabilityGroup } from '../../linux/index.js'
import { fitText, visibleWidth } from '../screen/visible-text.js'
import { wrapWords } from './wrap-words.js'

/** How to write for a terminal, or for a file. */
export interface TextStyle {
  readonly columns: number
  readonly color: boolean
}

const HEADINGS: Readonly<Record<CapabilityGroup, string>> = {
  machine: 'This machine',
  memory: 'Sharing between processes',
  heaps: 'Buffers that devices can use',
  fences: 'Fences of the kernel',
  drm: 'Graphics devices',
  video: 'Cameras and other video devices',
  debugging: 'Looking at buffers',
}

/** Narrower than that, nothing is wrapped: it would be a column of words. */
const NARROWEST = 40
const WIDEST_NAME = 24

const GREEN = 32
const YELLOW = 33
const DIM = 2
const BOLD = 1

/** What a machine offers, as lines for people: `ok` or `no`, the name, what was found; below, why not and what to do. */
export function doctorLines(capabilities: readonly Capability[], style: TextStyle): string[] {
  const paint = painter(style.color)
  const groups = [...new Set(capabilities.map(({ group }) => group))]
  const nameWidth = Math.min(
    WIDEST_NAME,
    Math.max(...capabilities.map(({ name }) => visibleWidth(name))),
  )
  return groups.flatMap((group) => [
    paint(BOLD, HEADINGS[group]),
    ...capabilities
      .filter((capability) => capability.group === group)
      .flatMap((capability) => linesOf(capability, nameWidth, style)),
    '',
  ])
}

function linesOf(capability: Capability, nameWidth: number, style: TextStyle): string[] {
  const { name, available, detail, reason, fix } = capability
  const paint = painter(style.color)
  const mark = available ? paint(GREEN, 'ok') : paint(YELLOW, 'no')
  const label = safe(name).padEnd(nameWidth)
  const first = detail === '' && reason !== undefined ? reason : detail
  const indent = 2 + 2 + 2 + label.length + 2
  const [head = '', ...more] = wrapped(first, indent, style)
  const lines = [`  ${mark}  ${label}  ${head}`.trimEnd(), ...more]
  if (reason !== undefined && first !== reason) lines.push(...noted('why', reason, style))
  // Commands are not wrapped: they are there to be copied.
  for (const [index, line] of (fix ?? '').split('\n').entries())
    if (line !== '') lines.push(`      ${paint(DIM, index === 0 ? 'do ' : '   ')} ${safe(line)}`)
  return lines
}

function noted(word: string, text: string, style: TextStyle): string[] {
  const [head = '', ...more] = wrapped(text, 10, style)
  return [`      ${painter(style.color)(DIM, word)} ${head}`, ...more]
}

/** A text in the rest of a line that many columns from the left, and in lines below it. */
function wrapped(text: string, indent: number, { columns }: TextStyle): string[] {
  const width = columns < NARROWEST ? Infinity : Math.max(columns - indent, 20)
  return wrapWords(safe(text), width).map((line, index) =>
    index === 0 ? line : ' '.repeat(indent) + line,
  )
}

/** Names of drivers and groups come from elsewhere: nothing of them acts upon a terminal. */
function safe(text: string): string {
  return fitText(text, Infinity).text
}

function painter(color: boolean): (code: number, text: string) => string {
  return (code, text) => (color ? `\x1b[${code}m${text}\x1b[0m` : text)
}

/** The last line: whether sharing works, and with what. */
export function verdictOf(capabilities: readonly Capability[]): string {
  const has = (wanted: (capability: Capability) => boolean): Capability[] =>
    capabilities.filter((capability) => capability.available && wanted(capability))
  if (has(({ name }) => name === 'memfd').length === 0)
    return 'Buffers cannot be shared here: see memfd and the native addon above.'
  const heaps = has(({ group }) => group === 'heaps').map(({ name }) => name)
  if (heaps.length > 0) return `Buffers can be shared here, also with devices: ${heaps.join(', ')}.`
  return 'Buffers can be shared here between processes (memfd), not with devices.'
}
