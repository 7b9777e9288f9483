import { DmaBufError } from '../core/errors.js'

/** What a message of a domain is about, and who sends it. Fields that are not named are 0. */
export const DomainOp = {
  /** Hub, at first. `index` and `generation` of the new member; `count` slots, `length` buffers, `flags` members. */
  offer: 1,
  /** Member. `count`: its process id, as it sees it. Descriptors: its page, the reading end of its lifeline. */
  join: 2,
  /** Hub. Another member: `index`, `generation`, `epoch`, `count` its process id. Descriptors: as in join. */
  member: 3,
  /** Hub. All members were named: the new one may begin. `epoch`. */
  welcome: 4,
  /** Hub. A member was evicted: its words count no more. `index`, `generation`. Text: why. */
  evicted: 5,
  /** Either. To the hub `index` and `generation` name the receiver, from it the ringer. Descriptors: a doorbell's set. */
  bell: 6,
  /** Member. Shares a buffer: `count` a number that the answer repeats, `length` bytes. Text: its name. Descriptors: its memory. */
  share: 7,
  /** Member. Opens a buffer: `count` as in share. Text: its name. */
  open: 8,
  /**
   * Hub, the answer to share, open and ready. `count` as asked; `flags` 0, or the errno of the refusal and the text says
   * why; `index` of the buffer, `length` bytes. Descriptors, for open: its memory.
   */
  buffer: 9,
  /** Member. Has no handle of a buffer any more, and nothing pending in it: `index`. */
  close: 10,
  /** Member. What it shared may be opened now: `index`, `count` as in share. */
  ready: 11,
} as const

/** One message of a domain. */
export interface DomainMessage {
  readonly op: number
  readonly index: number
  readonly generation: number
  readonly epoch: number
  readonly count: number
  readonly flags: number
  readonly length: number
  /** UTF-8. */
  readonly text: Uint8Array
}

/** The bytes in front of the text: six u32 words and an f64. */
const FIXED_BYTES = 32

/** The most bytes of a text. */
export const MAX_TEXT_BYTES = 200

const NO_TEXT = new Uint8Array(0)

/** The payload of a message; what is not given is 0. */
export function encodeDomain(
  op: number,
  fields: Partial<Omit<DomainMessage, 'op'>> = {},
): Uint8Array<ArrayBuffer> {
  const { index = 0, generation = 0, epoch = 0, count = 0, flags = 0, length = 0 } = fields
  const text = (fields.text ?? NO_TEXT).subarray(0, MAX_TEXT_BYTES)
  const bytes = new Uint8Array(FIXED_BYTES + text.length)
  const view = new DataView(bytes.buffer)
  const words = [op, index, generation, epoch, count, flags]
  words.forEach((word, i) => view.setUint32(i * 4, word, true))
  view.setFloat64(24, length, true)
  bytes.set(text, FIXED_BYTES)
  return bytes
}

/**
 * Reads the payload of a peer's message.
 *
 * @throws {DmaBufError} EPROTO where it is none
 */
export function decodeDomain(payload: Uint8Array<ArrayBuffer>): DomainMessage {
  if (payload.length < FIXED_BYTES || payload.length > FIXED_BYTES + MAX_TEXT_BYTES)
    throw new DmaBufError(
      'EPROTO',
      'domain',
      `A message of ${payload.length} bytes is none of a domain`,
    )
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
  const word = (i: number): number => view.getUint32(i * 4, true)
  const length = view.getFloat64(24, true)
  if (!Number.isSafeInteger(length) || length < 0)
    throw new DmaBufError('EPROTO', 'domain', `A message names a length of ${length}`)
  return {
    op: word(0),
    index: word(1),
    generation: word(2),
    epoch: word(3),
    count: word(4),
    flags: word(5),
    length,
    text: payload.subarray(FIXED_BYTES),
  }
}
