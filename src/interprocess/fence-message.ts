import { DmaBufError } from '../core/errors.js'
import type { FenceSlot } from './fence-board.js'

/** What a message says of a timeline or fence that is shared: where to look, and what to call it. */
export interface FenceOffer extends FenceSlot {
  /** Both in UTF-8; at most MAX_NAME_BYTES are sent and read. */
  readonly driverName: Uint8Array
  readonly timelineName: Uint8Array
}

/** Bytes of a name in a message. */
export const MAX_NAME_BYTES = 200

const FIXED_BYTES = 12

/** The payload: u32 slot, u32 generation, u32 bytes of the driver's name, both names. */
export function encodeFenceOffer(offer: FenceOffer): Uint8Array<ArrayBuffer> {
  const driver = offer.driverName.subarray(0, MAX_NAME_BYTES)
  const timeline = offer.timelineName.subarray(0, MAX_NAME_BYTES)
  const bytes = new Uint8Array(FIXED_BYTES + driver.length + timeline.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, offer.slot, true)
  view.setUint32(4, offer.generation, true)
  view.setUint32(8, driver.length, true)
  bytes.set(driver, FIXED_BYTES)
  bytes.set(timeline, FIXED_BYTES + driver.length)
  return bytes
}

/** Reads a peer's offer; whether its slot exists is for a FenceReader to say. @throws {DmaBufError} EPROTO */
export function decodeFenceOffer(bytes: Uint8Array): FenceOffer {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const driverBytes = bytes.length < FIXED_BYTES ? Infinity : view.getUint32(8, true)
  if (driverBytes > MAX_NAME_BYTES || FIXED_BYTES + driverBytes > bytes.length)
    throw new DmaBufError('EPROTO', 'receive', 'The peer sent an offer that is no fence')
  const names = bytes.subarray(FIXED_BYTES)
  return {
    slot: view.getUint32(0, true),
    generation: view.getUint32(4, true),
    driverName: names.slice(0, driverBytes),
    timelineName: names.slice(driverBytes, driverBytes + MAX_NAME_BYTES),
  }
}
