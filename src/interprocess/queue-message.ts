import { DmaBufError } from '../core/errors.js'
import type { QueueMode } from './queue-consumer.js'
import { MAX_BUFFERS } from './queue-page.js'

/** A consumer's wish to join. Descriptors: its page, a doorbell set to be rung through. */
export interface JoinMessage {
  readonly mode: QueueMode
  /** Frames it wants to hold at once, 1 to 62. */
  readonly maxHeld: number
}

/** The answer. Descriptors: the queue's page, a doorbell set, then the buffers in order. */
export interface WelcomeMessage {
  readonly consumerId: number
  readonly bufferCount: number
  /** Of each buffer. */
  readonly lengthBytes: number
  readonly firstTicket: number
}

const JOIN_BYTES = 8
const WELCOME_BYTES = 32

/** Payload: u32 mode (0 fifo, 1 latest), u32 maxHeld; little-endian. */
export function encodeJoin(join: JoinMessage): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(JOIN_BYTES))
  view.setUint32(0, join.mode === 'latest' ? 1 : 0, true)
  view.setUint32(4, join.maxHeld, true)
  return new Uint8Array(view.buffer)
}

/** @throws {DmaBufError} EPROTO for nonsense */
export function decodeJoin(payload: Uint8Array<ArrayBuffer>): JoinMessage {
  const view = viewOf(payload, JOIN_BYTES, 'join')
  const mode = view.getUint32(0, true)
  const maxHeld = view.getUint32(4, true)
  if (mode > 1 || maxHeld < 1 || maxHeld > MAX_BUFFERS - 2)
    throw new DmaBufError(
      'EPROTO',
      'join',
      `Not a way to join: mode ${mode}, ${maxHeld} frames held`,
    )
  return { mode: mode === 1 ? 'latest' : 'fifo', maxHeld }
}

/** Payload: u32 id, u32 buffer count, f64 length, f64 first ticket, 8 bytes 0; little-endian. */
export function encodeWelcome(welcome: WelcomeMessage): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(WELCOME_BYTES))
  view.setUint32(0, welcome.consumerId, true)
  view.setUint32(4, welcome.bufferCount, true)
  view.setFloat64(8, welcome.lengthBytes, true)
  view.setFloat64(16, welcome.firstTicket, true)
  return new Uint8Array(view.buffer)
}

/** @throws {DmaBufError} EPROTO for nonsense */
export function decodeWelcome(payload: Uint8Array<ArrayBuffer>): WelcomeMessage {
  const view = viewOf(payload, WELCOME_BYTES, 'welcome')
  const bufferCount = view.getUint32(4, true)
  const lengthBytes = view.getFloat64(8, true)
  const firstTicket = view.getFloat64(16, true)
  const whole = Number.isSafeInteger(lengthBytes) && Number.isSafeInteger(firstTicket)
  if (!whole || bufferCount < 2 || bufferCount > MAX_BUFFERS || lengthBytes < 1 || firstTicket < 1)
    throw new DmaBufError(
      'EPROTO',
      'connectFrames',
      `Not a queue: ${bufferCount} buffers of ${lengthBytes} bytes`,
    )
  return { consumerId: view.getUint32(0, true), bufferCount, lengthBytes, firstTicket }
}

function viewOf(payload: Uint8Array<ArrayBuffer>, lengthBytes: number, what: string): DataView {
  if (payload.length !== lengthBytes)
    throw new DmaBufError('EPROTO', what, `A ${what} has ${lengthBytes} bytes: ${payload.length}`)
  return new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
}
