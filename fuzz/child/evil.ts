import { mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { native } from '#src/linux/native.js'
import { MessageType } from '#src/interprocess/link-message.js'
import type { Random } from '../../tests/helpers/random.js'

const NUMBERS = [
  0, 1, 2, 3, -1, -2, 0x7fffffff, -0x80000000, 0x7ffffffe, 0x80, 0x1000, 4096, 65, 64,
]
const TYPES: readonly number[] = Object.values(MessageType)

/** A word that is chosen to hurt: at a limit, small, near what was there, or anything. */
export function evilWord(random: Random, was = 0): number {
  const kind = random.below(5)
  if (kind === 0) return random.pick(NUMBERS)
  if (kind === 1) return random.below(130)
  if (kind === 2) return (was + random.below(5) - 2) | 0
  if (kind === 3) return was ^ (1 << random.below(32))
  return Math.floor(random.next() * 2 ** 32) | 0
}

/** Bytes that were a message before. */
export function evilMessage(random: Random, message: Uint8Array): Uint8Array<ArrayBuffer> {
  const kind = random.below(5)
  if (kind === 0) return message.slice(0, random.below(message.length + 1))
  if (kind === 1) {
    const longer = new Uint8Array(message.length + random.below(300))
    longer.set(message)
    return longer
  }
  const bytes = message.slice()
  if (kind === 2) bytes[3] = random.chance(0.7) ? random.pick(TYPES) : random.below(256)
  else if (kind === 3 && bytes.length >= 8) {
    const words = new DataView(bytes.buffer)
    const at = 4 * random.below(Math.floor(bytes.length / 4))
    words.setInt32(at, evilWord(random, words.getInt32(at, true)), true)
  } else
    for (let i = 0; i <= random.below(4); i++) bytes[random.below(bytes.length)] = random.below(256)
  return bytes
}

/** A message that never was one, though its head may look like it. */
export function garbage(random: Random): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(random.pick([1, 7, 8, 9, 16, 40, 200, 1000, 65_536]))
  for (let i = 0; i < Math.min(bytes.length, 256); i++) bytes[i] = random.below(256)
  if (random.chance(0.8) && bytes.length >= 8) {
    const head = new DataView(bytes.buffer)
    head.setUint16(0, 0xdb0f, true)
    head.setUint8(2, 1)
    head.setUint8(3, random.chance(0.8) ? random.pick(TYPES) : random.below(256))
    if (random.chance(0.5)) head.setInt32(4, random.below(4), true)
  }
  return bytes
}

type Maker = () => readonly number[]

const MAKERS: readonly Maker[] = [
  () => [openSync(import.meta.filename, 'r')],
  () => [openSync('/dev/null', 'r+')],
  () => [openSync('/dev/zero', 'r+')],
  () => [openSync('/proc/self/maps', 'r')],
  () => [openSync('/', 'r')],
  () => [openSync('/proc/self/exe', 'r')],
  socketPair,
  () => memory(0, 0),
  () => memory(1, 0xf),
  () => memory(4096, 0),
  () => memory(4095, 2),
  () => memory(4096, 2),
  () => memory(65_536, 6),
  // Sealed against writing as well: nobody can map it shared and writable.
  () => memory(65_536, 0xe),
  doorbell,
  () => doorbell().reverse(),
]

/** Descriptors of all sorts; the caller closes them. */
export function evilFds(random: Random, most: number): readonly number[] {
  const count = random.chance(0.02) ? 253 : random.below(most + 1)
  const fds: number[] = []
  while (fds.length < count) fds.push(...random.pick(MAKERS)())
  for (const surplus of fds.splice(count)) native().close(surplus)
  return fds
}

function socketPair(): number[] {
  const pair = new Int32Array(2)
  native().socketPair(pair)
  return [...pair]
}

function doorbell(): number[] {
  const pair = new Int32Array(2)
  native().doorbell(pair)
  return [...pair]
}

function memory(lengthBytes: number, seals: number): readonly number[] {
  const fd = native().memfd('evil', 3)
  if (lengthBytes > 0) native().truncate(fd, lengthBytes)
  if (seals > 0) native().addSeals(fd, seals)
  return [fd]
}

/** A folder for sockets; gone with the result. */
export function scratchFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(`${tmpdir()}/dmabuf-fuzz-`)
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}
