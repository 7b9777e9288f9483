import { DmaBufError } from '../core/errors.js'
import type { QueueMode } from './queue-consumer.js'
import { MAX_BUFFERS, MAX_CONSUMERS } from './queue-page.js'

/** A consumer's wish to join. Descriptors: its page, a doorbell set to be rung through. */
export interface JoinMessage {
  readonly mode: QueueMode
  /** Frames it wants to hold at once, 1 to 62. */
  readonly maxHeld: number
}

/** What memory a slot has now. */
export interface BufferEntry {
  readonly slot: number
  /** Counts the slot's buffers, from 1. */
  readonly serial: number
  /** 0: the slot has no memory any more, and no descriptor comes for it. */
  readonly lengthBytes: number
}

/** The answer. Descriptors: the queue's page, a doorbell set, then the buffers in the order of the entries. */
export interface WelcomeMessage {
  /** Which bit of the producer's page tells the consumer to leave. */
  readonly consumerIndex: number
  readonly slotCount: number
  readonly firstTicket: number
  readonly buffers: readonly BufferEntry[]
}

const JOIN_BYTES = 8
const WELCOME_BYTES = 24
const ENTRY_BYTES = 16
const MAX_BUFFER_BYTES = 0x7fffffff

/** Payload: u32 mode (0 fifo, 1 latest), u32 maxHeld; little-endian. */
export function encodeJoin(join: JoinMessage): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(JOIN_BYTES))
  view.setUint32(0, join.mode === 'latest' ? 1 : 0, true)
  view.setUint32(4, join.maxHeld, true)
  return new Uint8Array(view.buffer)
}

/** @throws {DmaBufError} EPROTO for nonsense */
export function decodeJoin(payload: Uint8Array<ArrayBuffer>): JoinMessage {
  if (payload.length !== JOIN_BYTES)
    throw new DmaBufError('EPROTO', 'join', `A join has ${JOIN_BYTES} bytes: ${payload.length}`)
  const view = viewOf(payload)
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

/** Payload: u32 consumer index, u32 slot count, f64 first ticket, 8 bytes 0, entries; little-endian. */
export function encodeWelcome(welcome: WelcomeMessage): Uint8Array<ArrayBuffer> {
  const { buffers } = welcome
  const view = new DataView(new ArrayBuffer(WELCOME_BYTES + buffers.length * ENTRY_BYTES))
  view.setUint32(0, welcome.consumerIndex, true)
  view.setUint32(4, welcome.slotCount, true)
  view.setFloat64(8, welcome.firstTicket, true)
  writeEntries(view, WELCOME_BYTES, buffers)
  return new Uint8Array(view.buffer)
}

/** @throws {DmaBufError} EPROTO for nonsense */
export function decodeWelcome(payload: Uint8Array<ArrayBuffer>): WelcomeMessage {
  if (payload.length < WELCOME_BYTES)
    throw nonsense(`a welcome of ${payload.length} bytes instead of ${WELCOME_BYTES}`)
  const view = viewOf(payload)
  const consumerIndex = view.getUint32(0, true)
  const slotCount = view.getUint32(4, true)
  const firstTicket = view.getFloat64(8, true)
  const isQueue = slotCount >= 2 && slotCount <= MAX_BUFFERS && consumerIndex < MAX_CONSUMERS
  if (!isQueue || !Number.isSafeInteger(firstTicket) || firstTicket < 1)
    throw nonsense(
      `${slotCount} slots, first ticket ${firstTicket}, consumer ${consumerIndex}: not a queue`,
    )
  const buffers = readEntries(view, WELCOME_BYTES, slotCount)
  if (buffers.length < 2 || buffers.some(({ lengthBytes }) => lengthBytes === 0))
    throw nonsense(`${buffers.length} buffers, some of them empty: not a queue`)
  return { consumerIndex, slotCount, firstTicket, buffers }
}

/** Payload: entries of u32 slot, u32 serial, f64 length; little-endian. Descriptors: of those with a length. */
export function encodeBuffers(buffers: readonly BufferEntry[]): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(buffers.length * ENTRY_BYTES))
  writeEntries(view, 0, buffers)
  return new Uint8Array(view.buffer)
}

/** @throws {DmaBufError} EPROTO for nonsense */
export function decodeBuffers(
  payload: Uint8Array<ArrayBuffer>,
  slotCount: number,
): readonly BufferEntry[] {
  return readEntries(viewOf(payload), 0, slotCount)
}

function writeEntries(view: DataView, at: number, buffers: readonly BufferEntry[]): void {
  buffers.forEach(({ slot, serial, lengthBytes }, index) => {
    view.setUint32(at + index * ENTRY_BYTES, slot, true)
    view.setUint32(at + index * ENTRY_BYTES + 4, serial, true)
    view.setFloat64(at + index * ENTRY_BYTES + 8, lengthBytes, true)
  })
}

function readEntries(view: DataView, start: number, slotCount: number): readonly BufferEntry[] {
  const lengthBytes = view.byteLength - start
  if (lengthBytes % ENTRY_BYTES !== 0 || lengthBytes > slotCount * ENTRY_BYTES)
    throw nonsense(`${lengthBytes} bytes of buffers`)
  const entries: BufferEntry[] = []
  for (let at = start; at < view.byteLength; at += ENTRY_BYTES) {
    const entry = {
      slot: view.getUint32(at, true),
      serial: view.getUint32(at + 4, true),
      lengthBytes: view.getFloat64(at + 8, true),
    }
    const { slot, serial } = entry
    const isTwice = entries.some((other) => other.slot === slot)
    const isLength = Number.isInteger(entry.lengthBytes) && entry.lengthBytes >= 0
    if (slot >= slotCount || serial === 0 || isTwice || !isLength)
      throw nonsense(`buffer ${serial} of slot ${slot} with ${entry.lengthBytes} bytes`)
    if (entry.lengthBytes > MAX_BUFFER_BYTES)
      throw nonsense(`a buffer of ${entry.lengthBytes} bytes`)
    entries.push(entry)
  }
  return entries
}

function viewOf(payload: Uint8Array<ArrayBuffer>): DataView {
  return new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
}

function nonsense(what: string): DmaBufError {
  return new DmaBufError('EPROTO', 'connectFrames', `The server sent ${what}`)
}
