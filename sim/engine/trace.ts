/** What an actor did in one step. */
export interface TraceEntry {
  readonly step: number
  readonly who: string
  readonly what: string
}

const KEPT = 2000

/**
 * What happened, as a hash of all and, if wanted, the last entries in words.
 *
 * The hash tells whether two runs were the same.
 */
export class Trace {
  #hash = 0x811c9dc5
  readonly #entries: TraceEntry[] | undefined

  constructor(keepsText: boolean) {
    this.#entries = keepsText ? [] : undefined
  }

  get keepsText(): boolean {
    return this.#entries !== undefined
  }

  /** A hash of everything so far. */
  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0')
  }

  /** The last entries, oldest first. */
  get entries(): readonly TraceEntry[] {
    return this.#entries ?? []
  }

  /** Takes numbers into the hash. */
  mix(a: number, b: number): void {
    this.#hash = Math.imul(this.#hash ^ a, 0x01000193)
    this.#hash = Math.imul(this.#hash ^ b, 0x85ebca6b) ^ (this.#hash >>> 13)
  }

  /** Keeps an entry; call it only where keepsText. */
  say(entry: TraceEntry): void {
    if (this.#entries === undefined) return
    if (this.#entries.length >= KEPT * 2) this.#entries.splice(0, KEPT)
    this.#entries.push(entry)
  }
}
