import { fitText } from './visible-text.js'

/** The part of a terminal's stream that is used; process.stdout is one. */
export interface TerminalStream {
  readonly isTTY?: boolean
  /** Undefined or 0 where the terminal does not tell. */
  readonly columns?: number
  readonly rows?: number
  write(text: string): unknown
}

/** Tells when the process ends; process is one. */
export interface ExitNotice {
  once(event: 'exit', listener: () => void): unknown
  off(event: 'exit', listener: () => void): unknown
}

const HIDE_CURSOR = '\x1b[?25l'
const SHOW_CURSOR = '\x1b[?25h'
const BEGIN_UPDATE = '\x1b[?2026h' // terminals that know it show the update at once, others ignore it
const END_UPDATE = '\x1b[?2026l'
const CLEAR_LINE = '\x1b[2K'
const CLEAR_BELOW = '\x1b[J'
const RESET = '\x1b[0m'

const DEFAULT_COLUMNS = 80
const DEFAULT_ROWS = 24

/**
 * Lines at the bottom of a terminal that are drawn again and again in the same place.
 *
 * What was printed before stays above. Lines are cut to the width, and to one less than the height of the terminal, as
 * it is at each draw(): after a resize the next draw() fits. The cursor is hidden from the first draw() until close() or the
 * process's exit event. A signal that nobody handles ends a process without that event: handle SIGINT and SIGTERM.
 */
export class LiveScreen {
  readonly #stream: TerminalStream
  readonly #process: ExitNotice
  readonly #restore = () => {
    this.close()
  }
  #state: 'new' | 'drawn' | 'closed' = 'new'
  #drawnWidths: readonly number[] = []

  /** @throws {TypeError} the stream is no terminal: print plain lines there */
  constructor(stream: TerminalStream, host: ExitNotice = process) {
    if (stream.isTTY !== true) throw new TypeError('LiveScreen needs a terminal')
    this.#stream = stream
    this.#process = host
  }

  /** Width of the terminal now. */
  get columns(): number {
    return positive(this.#stream.columns) ?? DEFAULT_COLUMNS
  }

  /** How many lines draw() shows at most: one less than the terminal has, for the cursor. */
  get rows(): number {
    return Math.max(1, (positive(this.#stream.rows) ?? DEFAULT_ROWS) - 1)
  }

  /** Shows `lines` in place of the lines before. After close() it does nothing. */
  draw(lines: readonly string[]): void {
    if (this.#state === 'closed') return
    const shown = lines.slice(0, this.rows).map((line) => fitText(line, this.columns))
    const text = shown.map((line) => `${CLEAR_LINE}${line.text}\r\n`).join('')
    this.#stream.write(BEGIN_UPDATE + this.#begin() + text + CLEAR_BELOW + END_UPDATE)
    this.#drawnWidths = shown.map((line) => line.columns)
  }

  /** What was drawn last stays, the cursor is back below it. May be called again. */
  close(): void {
    const isDrawn = this.#state === 'drawn'
    this.#state = 'closed'
    if (!isDrawn) return
    this.#process.off('exit', this.#restore)
    this.#stream.write(RESET + SHOW_CURSOR)
  }

  /** Hides the cursor the first time, and brings it back to the first drawn line later. */
  #begin(): string {
    if (this.#state === 'new') {
      this.#state = 'drawn'
      this.#process.once('exit', this.#restore)
      return HIDE_CURSOR + '\r'
    }
    const rowCount = this.#drawnRowCount()
    return rowCount === 0 ? '\r' : `\r\x1b[${rowCount}A`
  }

  /** A terminal that became narrower has wrapped what was drawn, and lost what went over its top. */
  #drawnRowCount(): number {
    const rowCounts = this.#drawnWidths.map((width) => Math.max(1, Math.ceil(width / this.columns)))
    const rowCount = rowCounts.reduce((sum, rows) => sum + rows, 0)
    return Math.min(rowCount, this.rows)
  }
}

function positive(count: number | undefined): number | undefined {
  return count === undefined || count <= 0 ? undefined : count
}
