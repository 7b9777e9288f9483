// What is in a frame: who made it, and a value that follows from that and its number, in every other byte.

const HEAD_BYTES = 4

/** The bytes of one frame. */
export const FRAME_BYTES = 4096

/** Fills a frame. */
export function paint(bytes: Uint8Array, epoch: number, sequence: number): void {
  bytes.fill((sequence * 7 + epoch * 31) & 255)
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(0, epoch)
}

/** The epoch of a whole frame; undefined where it is torn, or another one than its number says. */
export function recognise(bytes: Uint8Array, sequence: number): number | undefined {
  const epoch = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
  const value = (sequence * 7 + epoch * 31) & 255
  for (let i = HEAD_BYTES; i < bytes.length; i++) if (bytes[i] !== value) return undefined
  return epoch
}

/** Monotonic milliseconds, comparable between processes of one machine. */
export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
