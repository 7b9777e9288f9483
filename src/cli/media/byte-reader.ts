import { InputError } from './input-error.js'

const EMPTY = new Uint8Array(0)
const NEWLINE = 10

/** A line without its newline, and what ended it. */
export interface Line {
  readonly text: string
  readonly end: 'newline' | 'input' | 'limit'
}

/**
 * Reads chunks of any size as lines, blocks or bytes looked at in advance.
 *
 * Keeps one chunk, and while peek() and readLine() join chunks at most what they were allowed to look at besides:
 * it never reads further than it was asked. One call at a time.
 */
export class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array, unknown>
  readonly #release: () => Promise<void>
  #rest: Uint8Array = EMPTY
  #isClosed = false

  /** @param release - called once by close(): ends the input, also while a read of it is waiting */
  constructor(chunks: AsyncIterable<Uint8Array>, release: () => Promise<void>) {
    this.#chunks = chunks[Symbol.asyncIterator]()
    this.#release = release
  }

  /** The next bytes, however many there are; undefined at the end of the input. The caller owns them. */
  async readChunk(): Promise<Uint8Array | undefined> {
    const rest = this.#rest
    this.#rest = EMPTY
    return rest.length > 0 ? rest : await this.#pull()
  }

  /** `bytes`, the unused end of what readChunk() gave last, will be read next. */
  unread(bytes: Uint8Array): void {
    this.#rest = bytes
  }

  /** The next `countBytes` bytes, which stay to be read; fewer only if the input ends before. */
  async peek(countBytes: number): Promise<Uint8Array> {
    while (this.#rest.length < countBytes && (await this.#join())) continue
    return this.#rest.subarray(0, countBytes)
  }

  /** Fills `target` and returns its length, or less: how many bytes there were before the input ended. */
  async fill(target: Uint8Array): Promise<number> {
    const lengthBytes = target.length
    let filledBytes = 0
    while (filledBytes < lengthBytes) {
      const chunk = await this.readChunk()
      if (chunk === undefined) break
      const used = chunk.subarray(0, lengthBytes - filledBytes)
      target.set(used, filledBytes)
      filledBytes += used.length
      this.#rest = chunk.subarray(used.length)
    }
    return filledBytes
  }

  /** The bytes up to a newline, which is taken too; undefined if none are left. A byte is a character of the text. */
  async readLine(limitBytes: number): Promise<Line | undefined> {
    for (let searchedBytes = 0; ;) {
      const found = this.#rest.indexOf(NEWLINE, searchedBytes)
      searchedBytes = this.#rest.length
      if (found >= 0 && found <= limitBytes) return this.#takeLine(found, 'newline')
      if (found >= 0 || searchedBytes > limitBytes) return this.#takeLine(limitBytes, 'limit')
      if (await this.#join()) continue
      return searchedBytes === 0 ? undefined : this.#takeLine(searchedBytes, 'input')
    }
  }

  /** The input is released and reads as ended, also for a call that waits. May be called again. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#rest = EMPTY
    await this.#release()
  }

  #takeLine(lengthBytes: number, end: Line['end']): Line {
    const text = Buffer.from(this.#rest.subarray(0, lengthBytes)).toString('latin1')
    this.#rest = this.#rest.subarray(end === 'newline' ? lengthBytes + 1 : lengthBytes)
    return { text, end }
  }

  async #join(): Promise<boolean> {
    const next = await this.#pull()
    if (next === undefined) return false
    this.#rest = this.#rest.length === 0 ? next : Buffer.concat([this.#rest, next])
    return true
  }

  async #pull(): Promise<Uint8Array | undefined> {
    for (;;) {
      const chunk = await this.#next()
      if (this.#hasClosed() || chunk === undefined) return undefined
      if (chunk.length > 0) return chunk
    }
  }

  async #next(): Promise<Uint8Array | undefined> {
    if (this.#isClosed) return undefined
    try {
      const result = await this.#chunks.next()
      return result.done === true ? undefined : result.value
    } catch (error) {
      // A stream that close() destroyed fails the read that waits for it.
      if (this.#hasClosed()) return undefined
      throw new InputError(`cannot read the input: ${describe(error)}`)
    }
  }

  /** close() may come while a read waits, which the compiler does not see in the field alone. */
  #hasClosed(): boolean {
    return this.#isClosed
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
