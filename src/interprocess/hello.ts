import { DmaBufError } from '../core/errors.js'
import { MessageType } from './link-message.js'

/** What both sides of a link may do only if both said that they can: one bit each. */
export const Feature = {
  /** Messages of a type that the receiver does not know are dropped instead of ending the link. */
  ignoreUnknown: 1,
} as const

/** What one side of a link says of itself in its first message. */
export interface Hello {
  /** The oldest and the newest version of the messages it speaks, 1 to 65535. */
  readonly lowest: number
  readonly highest: number
  /** Bits of `Feature` that it has. */
  readonly offered: number
  /** Bits without which it cannot work; the peer has to offer them. */
  readonly required: number
}

/** What two sides agreed on: the highest version that both speak, and the features that both have. */
export interface Agreement {
  readonly version: number
  readonly features: number
}

/** The newest version of the messages. */
export const PROTOCOL_VERSION = 2

/** What this package says. */
export const OUR_HELLO: Hello = {
  lowest: 1,
  highest: PROTOCOL_VERSION,
  offered: Feature.ignoreUnknown,
  required: 0,
}

/** An empty hello: what the first version says. */
const FIRST: Hello = { lowest: 1, highest: 1, offered: 0, required: 0 }

const HELLO_BYTES = 12

/** Payload: u16 lowest, u16 highest, u32 offered, u32 required; little-endian. */
export function encodeHello(hello: Hello): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(HELLO_BYTES))
  view.setUint16(0, hello.lowest, true)
  view.setUint16(2, hello.highest, true)
  view.setUint32(4, hello.offered, true)
  view.setUint32(8, hello.required, true)
  return new Uint8Array(view.buffer)
}

/** Reads a peer's; what is behind the 12 bytes is a later version's. @throws {DmaBufError} EPROTO for nonsense */
export function decodeHello(payload: Uint8Array<ArrayBuffer>): Hello {
  if (payload.length === 0) return FIRST
  if (payload.length < HELLO_BYTES)
    throw refusal(`The peer's hello has ${payload.length} bytes instead of ${HELLO_BYTES}`)
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
  const lowest = view.getUint16(0, true)
  const highest = view.getUint16(2, true)
  if (lowest < 1 || highest < lowest)
    throw refusal(`The peer says that it speaks versions ${lowest} to ${highest}`)
  return { lowest, highest, offered: view.getUint32(4, true), required: view.getUint32(8, true) }
}

/** What two sides can do together. @throws {DmaBufError} EPROTO, saying in one line why that is nothing */
export function agree(ours: Hello, theirs: Hello): Agreement {
  const version = Math.min(ours.highest, theirs.highest)
  if (version < ours.lowest || version < theirs.lowest)
    throw refusal(
      `The peer speaks ${versionsOf(theirs)}, this side ${versionsOf(ours)}: use packages that overlap`,
    )
  checkRequired(theirs.required & ~ours.offered, 'The peer needs', 'this side does not have')
  checkRequired(ours.required & ~theirs.offered, 'This side needs', 'the peer does not have')
  return { version, features: (ours.offered & theirs.offered) >>> 0 }
}

/** Types of messages that came with the second version begin here. */
const FIRST_OF_SECOND = 16

const KNOWN_TYPES: ReadonlySet<number> = new Set(Object.values(MessageType))

/**
 * Whether a message of this type is taken. False: it is dropped, as both sides said that it may be.
 *
 * @param agreement - undefined before the peer's hello
 * @throws {DmaBufError} EPROTO where it does not belong into what was agreed on
 */
export function isTaken(type: number, agreement: Agreement | undefined): boolean {
  const { version, features } = agreement ?? { version: 1, features: 0 }
  if (!KNOWN_TYPES.has(type)) {
    if ((features & Feature.ignoreUnknown) !== 0) return false
    throw refusal(`The peer sent a message of type ${type}`)
  }
  if (type < FIRST_OF_SECOND || version >= 2) return true
  throw refusal(
    `The peer speaks version ${version}, messages of type ${type} need version 2: use the same package on both sides`,
  )
}

function checkRequired(missing: number, who: string, whoNot: string): void {
  if (missing === 0) return
  const bits = `0x${(missing >>> 0).toString(16)}`
  throw refusal(`${who} features ${bits} that ${whoNot}: use the same package on both sides`)
}

function versionsOf({ lowest, highest }: Hello): string {
  return lowest === highest ? `version ${lowest}` : `versions ${lowest} to ${highest}`
}

function refusal(message: string): DmaBufError {
  return new DmaBufError('EPROTO', 'link', message)
}
