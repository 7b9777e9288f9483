import { DmaBufError } from '../core/errors.js'
import { MAX_SIDE_PIXELS, type LaidOutFormat, type Plane } from '../core/frame/format.js'
import { readNumber, writeNumber } from './two-words.js'
import type { Words } from './words.js'

/** A part of a frame, in pixels. */
export interface Rectangle {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** What a producer says of one frame besides its format. */
export interface FrameFacts {
  /** Bytes in use from the start of the buffer, 0 to its length. */
  readonly lengthBytes: number
  /** Monotonic nanoseconds; 2^53 of them are 104 days, beyond that the last bit goes. */
  readonly timestampNs: number
  /** When it was published, the same clock; 0 or absent: at its timestamp, as far as is known. */
  readonly publishedNs?: number
  /** What changed since the frame before; empty: unknown, take it all. At most 8. */
  readonly damage: readonly Rectangle[]
}

/** Words of one descriptor. One per buffer; not rewritten while anybody holds the buffer. */
export const DESCRIPTOR_WORDS = 64

/** The most damage rectangles a descriptor carries; more are published as "all of it". */
export const MAX_DAMAGE = 8

// Words: 0,1 ticket   2 format serial   3 fourcc   4,5 modifier   6 width   7 height   8 plane count
//   9 colour (0 unknown, else 1 + range + 2 * matrix)   10-21 planes: offset, stride, rows
//   22 bytes used   23 buffer serial   24,25 timestamp   26 damage count   28-59 damage
//   60 acquire fence (atomic): 0 ready, 1 pending, -errno failed   62,63 published, 0: at the timestamp
const TICKET = 0
const SERIAL = 2
const FOURCC = 3
const MODIFIER = 4
const WIDTH = 6
const HEIGHT = 7
const PLANE_COUNT = 8
const COLOR = 9
const PLANES = 10
const LENGTH = 22
const BUFFER_SERIAL = 23
const TIMESTAMP = 24
const DAMAGE_COUNT = 26
const DAMAGE = 28
const FENCE = 60
const PUBLISHED = 62

/** The acquire fence of a frame: signalled, not yet, or -errno: what it failed with. */
export const FENCE_READY = 0
export const FENCE_PENDING = 1

const MATRICES = ['bt601', 'bt709', 'bt2020'] as const

/** The facts with the frame's position in the queue, from 1: its sequence number. */
export interface NumberedFacts extends FrameFacts {
  readonly ticket: number
  readonly publishedNs: number
}

/** Writes what changes from frame to frame. */
export function writeFacts(words: Words, base: number, ticket: number, facts: FrameFacts): void {
  const { damage } = facts
  writeNumber(words, base + TICKET, ticket)
  words.write(base + LENGTH, facts.lengthBytes)
  writeNumber(words, base + TIMESTAMP, facts.timestampNs)
  writeNumber(words, base + PUBLISHED, facts.publishedNs ?? 0)
  const count = damage.length > MAX_DAMAGE ? 0 : damage.length
  words.write(base + DAMAGE_COUNT, count)
  for (let i = 0; i < count; i++) {
    const { x, y, width, height } = damage[i]!
    words.write(base + DAMAGE + i * 4, x)
    words.write(base + DAMAGE + i * 4 + 1, y)
    words.write(base + DAMAGE + i * 4 + 2, width)
    words.write(base + DAMAGE + i * 4 + 3, height)
  }
}

/**
 * Reads the facts.
 *
 * @param capacity - bytes of the buffer they speak of
 * @param format - of the frame, if it has one: damage lies within it
 * @throws {DmaBufError} EPROTO for nonsense
 */
export function readFacts(
  words: Words,
  base: number,
  capacity: number,
  format?: LaidOutFormat,
): NumberedFacts {
  const lengthBytes = words.read(base + LENGTH) >>> 0
  const count = words.read(base + DAMAGE_COUNT) >>> 0
  if (lengthBytes > capacity || count > MAX_DAMAGE) throw nonsense('sizes beyond its buffer')
  return {
    ticket: readNumber(words, base + TICKET),
    lengthBytes,
    timestampNs: readNumber(words, base + TIMESTAMP),
    publishedNs: readNumber(words, base + PUBLISHED),
    damage: count === 0 ? NO_DAMAGE : readDamage(words, { base, count, format }),
  }
}

const NO_DAMAGE: readonly Rectangle[] = []

/** Whether a rectangle lies within a frame; every one does where there is no format. */
export function isWithin(rectangle: Rectangle, format: LaidOutFormat | undefined): boolean {
  if (format === undefined) return true
  const { x, y, width, height } = rectangle
  return x + width <= format.width && y + height <= format.height
}

function readDamage(
  words: Words,
  where: { base: number; count: number; format: LaidOutFormat | undefined },
): readonly Rectangle[] {
  const { base, count, format } = where
  const damage: Rectangle[] = []
  for (let i = 0; i < count; i++) {
    const at = base + DAMAGE + i * 4
    const rectangle = {
      x: words.read(at) >>> 0,
      y: words.read(at + 1) >>> 0,
      width: words.read(at + 2) >>> 0,
      height: words.read(at + 3) >>> 0,
    }
    if (!isWithin(rectangle, format)) throw nonsense('damage beyond its frame')
    damage.push(rectangle)
  }
  return damage
}

/** Which frame a descriptor describes. */
export function readTicket(words: Words, base: number): number {
  return readNumber(words, base + TICKET)
}

/** Says which buffer of its slot a frame is in. */
export function writeBufferSerial(words: Words, base: number, serial: number): void {
  words.write(base + BUFFER_SERIAL, serial)
}

/** Which buffer of its slot a frame is in: 1 and up, or nonsense. */
export function readBufferSerial(words: Words, base: number): number {
  return words.read(base + BUFFER_SERIAL) >>> 0
}

/** Says what became of a frame's acquire fence: FENCE_READY, FENCE_PENDING or -errno. */
export function storeFenceStatus(words: Words, base: number, status: number): void {
  words.store(base + FENCE, status)
}

/** What has become of a frame's acquire fence; anything strange is EPROTO's number. */
export function loadFenceStatus(words: Words, base: number): number {
  const status = words.load(base + FENCE)
  if (status === FENCE_READY || status === FENCE_PENDING) return status
  return status < 0 && status >= -4095 ? status : -71
}

/** Writes the format; `serial` tells readers whether they know it already. */
export function writeFormat(
  words: Words,
  base: number,
  format: LaidOutFormat | undefined,
  serial: number,
): void {
  words.write(base + SERIAL, serial)
  words.write(base + FOURCC, format === undefined ? 0 : fourccNumber(format.fourcc))
  if (format === undefined) return
  const modifier = format.modifier ?? 0n
  words.write(base + MODIFIER, Number(modifier & 0xffffffffn) | 0)
  words.write(base + MODIFIER + 1, Number(modifier >> 32n) | 0)
  words.write(base + WIDTH, format.width)
  words.write(base + HEIGHT, format.height)
  const { color, planes } = format
  const range = color?.range === 'full' ? 1 : 0
  words.write(
    base + COLOR,
    color === undefined ? 0 : 1 + range + 2 * MATRICES.indexOf(color.matrix),
  )
  words.write(base + PLANE_COUNT, planes.length)
  for (let i = 0; i < planes.length; i++) {
    const { offsetBytes, strideBytes, rowCount } = planes[i]!
    words.write(base + PLANES + i * 3, offsetBytes)
    words.write(base + PLANES + i * 3 + 1, strideBytes)
    words.write(base + PLANES + i * 3 + 2, rowCount)
  }
}

/** The serial of the format now in a descriptor. */
export function readFormatSerial(words: Words, base: number): number {
  return words.read(base + SERIAL)
}

/** Reads and checks the format; undefined where frames are plain bytes. @throws EPROTO for nonsense */
export function readFormat(
  words: Words,
  base: number,
  capacity: number,
): LaidOutFormat | undefined {
  const number = words.read(base + FOURCC)
  if (number === 0) return undefined
  const fourcc = fourccName(number)
  const width = words.read(base + WIDTH)
  const height = words.read(base + HEIGHT)
  const count = words.read(base + PLANE_COUNT)
  const color = words.read(base + COLOR)
  const sides = [width, height].every((side) => side >= 1 && side <= MAX_SIDE_PIXELS)
  if (fourcc === undefined || !sides || count < 1 || count > 4 || color < 0 || color > 6)
    throw nonsense('a format that is none')
  const planes: Plane[] = []
  for (let i = 0; i < count; i++) planes.push(readPlane(words, base + PLANES + i * 3, capacity))
  const modifier =
    (BigInt(words.read(base + MODIFIER + 1) >>> 0) << 32n) |
    BigInt(words.read(base + MODIFIER) >>> 0)
  const format = { fourcc, modifier, width, height, planes }
  if (color === 0) return format
  const range = (color - 1) % 2 === 1 ? 'full' : 'limited'
  return { ...format, color: { range, matrix: MATRICES[(color - 1) >> 1] ?? 'bt601' } }
}

function readPlane(words: Words, at: number, capacity: number): Plane {
  const plane = {
    offsetBytes: words.read(at) >>> 0,
    strideBytes: words.read(at + 1) >>> 0,
    rowCount: words.read(at + 2) >>> 0,
  }
  const empty = plane.strideBytes === 0 || plane.rowCount === 0
  // A stranger's numbers may make an end beyond 2^53: rounded, but still beyond any buffer.
  const end = plane.offsetBytes + plane.strideBytes * plane.rowCount
  if (empty || end > capacity) throw nonsense('a plane beyond its buffer')
  return plane
}

function fourccNumber(fourcc: string): number {
  let number = 0
  for (let i = 3; i >= 0; i--) number = (number << 8) | fourcc.charCodeAt(i)
  return number
}

function fourccName(number: number): string | undefined {
  const name = String.fromCharCode(
    number & 0xff,
    (number >> 8) & 0xff,
    (number >> 16) & 0xff,
    (number >> 24) & 0xff,
  )
  return /^[\x20-\x7e]{4}$/.test(name) ? name : undefined
}

function nonsense(what: string): DmaBufError {
  return new DmaBufError('EPROTO', 'receive', `The producer described ${what}`)
}
