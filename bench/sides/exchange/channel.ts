// What all transports of bench/sides/exchange.ts have in common.

/** What both sides do with the bytes: nothing; the sender fills them and the receiver searches them. */
export type Work = 'none' | 'all'

/** How the program was started. */
export interface Setup {
  readonly first: boolean
  readonly work: Work
  readonly lengthBytes: number
  /** The core of the other side. */
  readonly cpu: string
  /** Arguments of the other side. */
  readonly args: readonly string[]
}

/** One frame there, one frame back. */
export interface Channel {
  /** Sends a frame; filled with the value where the work is 'all'. */
  readonly send: (value: number) => void
  /** Calls back for each frame that came, after it was looked at. */
  readonly receive: (arrived: () => void) => void
}

/** Fills a frame, where both sides touch the bytes. */
export function fill(bytes: Uint8Array, value: number, work: Work): void {
  if (work === 'all') bytes.fill(value & 0x7f)
}

// memchr(): Uint8Array has the same, at a tenth of the speed.
const search = Reflect.get(Buffer.prototype, 'indexOf') as (
  this: Uint8Array,
  byte: number,
) => number

/** Looks for a byte that nobody wrote, where both sides touch the bytes. */
export function look(bytes: Uint8Array, work: Work): void {
  if (work === 'all' && search.call(bytes, 0xff) >= 0) throw new Error('A byte that nobody wrote')
}
