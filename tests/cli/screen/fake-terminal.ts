// A terminal as far as LiveScreen uses one: text, \r, \n, some CSI sequences, wrapping, scrolling, resizing.

/** What a person would see, and whether the cursor is shown. Throws for a sequence that it does not know. */
export class FakeTerminal {
  readonly isTTY = true
  columns: number
  rows: number
  isCursorShown = true
  #lines: string[] = ['']
  #row = 0
  #column = 0

  constructor({ columns, rows }: { readonly columns: number; readonly rows: number }) {
    this.columns = columns
    this.rows = rows
  }

  /** The lines from the first that was ever written to the last, without spaces at their ends. */
  get text(): string[] {
    return this.#lines.map((line) => line.trimEnd())
  }

  /** Which line of `text` the cursor is in. */
  get cursorRow(): number {
    return this.#row
  }

  write(text: string): boolean {
    for (const [piece, parameters, command] of text.matchAll(/\x1b\[([\d;?]*)(\w)|[^]/gu)) {
      if (command !== undefined) this.#control(parameters ?? '', command)
      else if (piece === '\r') this.#column = 0
      else if (piece === '\n') this.#moveDown()
      else this.#put(piece)
    }
    return true
  }

  /** As most terminals do, lines that are now too long are wrapped. */
  resize(columns: number): void {
    this.columns = columns
    const wrap = (line: string) => line.match(new RegExp(`.{1,${columns}}`, 'gu')) ?? ['']
    const above = this.#lines.slice(0, this.#row).flatMap(wrap)
    this.#lines = [...above, ...this.#lines.slice(this.#row).flatMap(wrap)]
    this.#row = above.length
  }

  #control(parameters: string, command: string): void {
    const key = parameters + command
    if (key === '?25l') this.isCursorShown = false
    else if (key === '?25h') this.isCursorShown = true
    else if (key === 'J') this.#lines = this.#lines.slice(0, this.#row).concat('')
    else if (key === '2K') this.#lines[this.#row] = ''
    else if (command === 'A') this.#row = Math.max(this.#top, this.#row - Number(parameters))
    else if (command !== 'm' && !key.startsWith('?2026')) throw new Error(`Unknown: ${key}`)
  }

  /** What has scrolled over the top cannot be reached. */
  get #top(): number {
    return Math.max(0, this.#lines.length - this.rows)
  }

  #put(character: string): void {
    if (this.#column === this.columns) {
      this.#column = 0
      this.#moveDown()
    }
    const line = Array.from((this.#lines[this.#row] ?? '').padEnd(this.#column))
    line[this.#column] = character
    this.#lines[this.#row] = line.join('')
    this.#column += 1
  }

  #moveDown(): void {
    this.#row += 1
    if (this.#row === this.#lines.length) this.#lines.push('')
  }
}
