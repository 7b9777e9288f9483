import { DmaBufError } from '../errors.js'

/** Bytes that a name may have; the kernel's limit of 32 counts the NUL. @kernel DMA_BUF_NAME_LEN */
const MAX_BYTES = 31

/**
 * Refuses a name that is too long, or has a NUL in it.
 *
 * @rule BUF-52, BUF-53
 * @throws {DmaBufError} EINVAL; TypeError for what is no string
 */
export function checkName(name: string, operation: string): void {
  if (typeof name !== 'string') throw new TypeError('Buffer name must be a string')
  if (utf8LengthBytes(name) <= MAX_BYTES && !name.includes('\0')) return
  const message = `Name must be ${MAX_BYTES} bytes or less, without NUL: ${name}`
  throw new DmaBufError('EINVAL', operation, message, { rule: 'BUF-52' })
}

function utf8LengthBytes(text: string): number {
  let length = 0
  for (const character of text) {
    const point = character.codePointAt(0)!
    length += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4
  }
  return length
}
