// Structures travel in the byte order of the machine, as the system calls themselves do.
const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

/** Longest name a `char[32]` of these structures holds, without its NUL. @kernel DMA_BUF_NAME_LEN */
export const NAME_BYTES = 31

/**
 * One structure of the kernel's ABI in memory: reads and writes its members by their offsets.
 *
 * Bytes that nobody wrote, padding included, are what they were: 0 in a new one.
 */
export class Struct {
  readonly bytes: Uint8Array
  readonly #view: DataView

  /** @param bytes - of exactly the structure's size; borrowed, and written by the setters */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** A structure of so many bytes, all 0. */
  static ofSize(sizeBytes: number): Struct {
    return new Struct(new Uint8Array(sizeBytes))
  }

  /** A structure of these bytes; one that there is is taken as it is. @throws {RangeError} unless it has exactly `sizeBytes` */
  static over(bytes: Uint8Array | Struct, sizeBytes: number): Struct {
    const struct = bytes instanceof Struct ? bytes : new Struct(bytes)
    const { length } = struct.bytes
    if (length === sizeBytes) return struct
    throw new RangeError(`Structure must have ${sizeBytes} bytes: ${length}`)
  }

  u8(offset: number): number {
    return this.#view.getUint8(offset)
  }

  u32(offset: number): number {
    return this.#view.getUint32(offset, LITTLE_ENDIAN)
  }

  s32(offset: number): number {
    return this.#view.getInt32(offset, LITTLE_ENDIAN)
  }

  u64(offset: number): bigint {
    return this.#view.getBigUint64(offset, LITTLE_ENDIAN)
  }

  /** A `char[32]`: what is before the first NUL, and never its last byte. @rule SF-12 */
  name(offset: number): string {
    return this.text(offset, NAME_BYTES + 1)
  }

  /** A `char[sizeBytes]`: what is before the first NUL, and never its last byte. */
  text(offset: number, sizeBytes: number): string {
    const field = this.bytes.subarray(offset, offset + sizeBytes - 1)
    const end = field.indexOf(0)
    return decodeText(end < 0 ? field : field.subarray(0, end))
  }

  setU8(offset: number, value: number): this {
    this.#view.setUint8(offset, value)
    return this
  }

  setU32(offset: number, value: number): this {
    this.#view.setUint32(offset, value, LITTLE_ENDIAN)
    return this
  }

  setS32(offset: number, value: number): this {
    this.#view.setInt32(offset, value, LITTLE_ENDIAN)
    return this
  }

  setU64(offset: number, value: bigint): this {
    this.#view.setBigUint64(offset, value, LITTLE_ENDIAN)
    return this
  }

  /** Fills a `char[32]`: the name cut to 31 bytes, the rest NUL. @rule SF-7, SF-17 */
  setName(offset: number, name: string): this {
    const field = this.bytes.subarray(offset, offset + NAME_BYTES + 1)
    field.fill(0)
    const text = encodeText(name)
    field.set(text.subarray(0, NAME_BYTES))
    return this
  }
}

/** Texts that are made at once where they are ASCII, as all names of drivers are. */
const SHORT_BYTES = 512

/** First code unit of the lone surrogates that stand for bytes that are no UTF-8. */
const RAW_BYTE = 0xdc00

/**
 * Text of bytes that should be UTF-8. A byte that is not becomes a lone surrogate, U+DC80 to U+DCFF, which
 * encodeText() turns back: the kernel's names are bytes, and none may be lost.
 */
export function decodeText(bytes: Uint8Array): string {
  if (bytes.length <= SHORT_BYTES && bytes.every((byte) => byte < 0x80))
    return String.fromCharCode(...bytes)
  let text = ''
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes, at)
    if (length === 0) text += String.fromCharCode(RAW_BYTE | bytes[at]!)
    else text += String.fromCodePoint(codePoint(bytes, at, length))
    at += Math.max(length, 1)
  }
  return text
}

/** The bytes of a text: UTF-8, and the bytes that decodeText() could not read. Other lone surrogates are U+FFFD. */
export function encodeText(text: string): Uint8Array {
  const bytes: number[] = []
  for (const character of text) {
    const point = character.codePointAt(0)!
    if (point < 0x80) bytes.push(point)
    else if (point >= 0xdc80 && point <= 0xdcff) bytes.push(point & 0xff)
    else if (point >= 0xd800 && point <= 0xdfff) bytes.push(0xef, 0xbf, 0xbd)
    else if (point < 0x800) bytes.push(0xc0 | (point >> 6), tail(point))
    else if (point < 0x10000) bytes.push(0xe0 | (point >> 12), tail(point >> 6), tail(point))
    else bytes.push(0xf0 | (point >> 18), tail(point >> 12), tail(point >> 6), tail(point))
  }
  return Uint8Array.from(bytes)
}

function tail(point: number): number {
  return 0x80 | (point & 0x3f)
}

/** Smallest code point that needs a sequence of that many bytes: a shorter one must be used below it. */
const SMALLEST = [0, 0, 0x80, 0x800, 0x10000]

/** Bytes of the well-formed sequence that begins here; 0 where none does. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!
  if (first < 0x80) return 1
  const length = first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf8 ? 4 : 0
  if (length === 0 || at + length > bytes.length) return 0
  for (let i = 1; i < length; i++) if ((bytes[at + i]! & 0xc0) !== 0x80) return 0
  const point = codePoint(bytes, at, length)
  const isSurrogate = point >= 0xd800 && point <= 0xdfff
  return point < SMALLEST[length]! || point > 0x10ffff || isSurrogate ? 0 : length
}

function codePoint(bytes: Uint8Array, at: number, length: number): number {
  if (length === 1) return bytes[at]!
  let point = bytes[at]! & (0xff >> (length + 1))
  for (let i = 1; i < length; i++) point = (point << 6) | (bytes[at + i]! & 0x3f)
  return point
}
