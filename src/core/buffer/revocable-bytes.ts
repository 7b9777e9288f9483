import { countCopiedBytes } from './copied-bytes.js'

const ESCAPED = Symbol('dmabuf.escaped')
const HELD = Symbol('dmabuf.held')

interface Marked {
  [ESCAPED]?: boolean
  [HELD]?: boolean
}

/**
 * A Uint8Array that tells when somebody took its ArrayBuffer.
 *
 * Bracket views die by detaching their ArrayBuffer. Streams, zlib and sharp take `view.buffer` to read it
 * later on another thread, and a zlib stream whose input is detached in mid-work aborts the process on
 * Node 20. So a view whose buffer was taken is not detached: it stays valid until it is collected.
 *
 * fs.read(), fs.write() and crypto.randomFill() ask for `byteLength` and then use the bare address on another
 * thread. Such a view is detached, but its memory outlives the buffer until the view is collected.
 */
export class RevocableBytes extends Uint8Array<ArrayBuffer> {
  override get buffer(): ArrayBuffer {
    const buffer = super.buffer
    ;(buffer as Marked)[ESCAPED] = true
    return buffer
  }

  // Of this class again, so that a part tells, too.
  override subarray(begin?: number, end?: number): Uint8Array<ArrayBuffer> {
    const part = super.subarray(begin, end)
    return new RevocableBytes(super.buffer, part.byteOffset, part.length)
  }

  override get byteLength(): number {
    ;(super.buffer as Marked)[HELD] = true
    return super.byteLength
  }

  override slice(start?: number, end?: number): Uint8Array<ArrayBuffer> {
    const copy = super.slice(start, end)
    countCopiedBytes(copy.length)
    return copy
  }
}

// Some packages (sharp) look at a value's constructor to know what it is.
Object.defineProperty(RevocableBytes.prototype, 'constructor', { value: Uint8Array })

/** Whether code has taken the ArrayBuffer out of a RevocableBytes (or of a subarray of one). */
export function isEscaped(buffer: ArrayBuffer): boolean {
  return (buffer as Marked)[ESCAPED] === true
}

/** Whether code may use the address of a RevocableBytes past its end. */
export function isHeld(buffer: ArrayBuffer): boolean {
  return (buffer as Marked)[HELD] === true
}
