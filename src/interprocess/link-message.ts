import { DmaBufError } from '../core/errors.js'

/** Version of the messages; peers of another one are refused in words. */
export const LINK_VERSION = 1

/** The longest message, header included. */
export const MAX_MESSAGE_BYTES = 65536

/** Bytes in front of every message: magic u16, version u8, type u8, argument i32; little-endian. */
export const HEADER_BYTES = 8

const MAGIC = 0xdb0f

/** What a message is. 1 to 15 are the link's own. */
export const MessageType = {
  /** Argument: 0. Payload: none. The first message of either side. */
  hello: 1,
  /** Argument: 0, or the errno with which the link ends. Payload: UTF-8 reason. The last message. */
  goodbye: 2,
  /** Payload: the user's bytes, with the user's descriptors. */
  user: 3,
  /** Payload: see queue-message. */
  queueJoin: 16,
  queueWelcome: 17,
  queueBuffers: 18,
  /** Once in each direction, before anything about fences. Descriptors: a member page, the set of the bell that the sender will ring. */
  memberPage: 32,
  /** Argument: a number that the answer repeats. Payload: see fence-message. */
  timelineShare: 33,
  fenceShare: 34,
  /** Argument: that of what was taken. The slot is watched now. */
  fenceAccept: 35,
  /** Payload: see domain-message. */
  domain: 48,
} as const

/** A received message, without its descriptors. */
export interface LinkMessage {
  readonly type: number
  readonly argument: number
  /** A copy: the receive buffer is used again. */
  readonly payload: Uint8Array<ArrayBuffer>
}

/** One message as it goes over the socket. */
export function encodeMessage(
  type: number,
  argument: number,
  payload: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const lengthBytes = HEADER_BYTES + payload.length
  if (lengthBytes > MAX_MESSAGE_BYTES)
    throw new RangeError(
      `A message has at most ${MAX_MESSAGE_BYTES - HEADER_BYTES} bytes: ${payload.length}`,
    )
  const bytes = new Uint8Array(lengthBytes)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, MAGIC, true)
  view.setUint8(2, LINK_VERSION)
  view.setUint8(3, type)
  view.setInt32(4, argument, true)
  bytes.set(payload, HEADER_BYTES)
  return bytes
}

/** Reads a message of a peer. @throws {DmaBufError} EPROTO for garbage or another version */
export function decodeMessage(bytes: Uint8Array<ArrayBuffer>): LinkMessage {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < HEADER_BYTES || view.getUint16(0, true) !== MAGIC)
    throw new DmaBufError(
      'EPROTO',
      'link',
      'The peer does not speak dmabuf: garbage instead of a message',
    )
  const version = view.getUint8(2)
  if (version !== LINK_VERSION)
    throw new DmaBufError(
      'EPROTO',
      'link',
      `The peer speaks version ${version}, this is version ${LINK_VERSION}: use the same package on both sides`,
    )
  return {
    type: view.getUint8(3),
    argument: view.getInt32(4, true),
    payload: bytes.slice(HEADER_BYTES),
  }
}
