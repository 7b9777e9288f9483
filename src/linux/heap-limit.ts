import { freemem } from 'node:os'
import { DmaBufError } from '../core/errors.js'

/** Below this no limit is worth the look at what is free. */
const ALWAYS_ALLOWED_BYTES = 1024 * 1024

/**
 * Refuses what a machine had better not try. A heap of the kernel's has no limit of its own: it goes on until memory
 * is short, and the buffers belong to no process, so that the kernel ends others to make room.
 *
 * @param maxLengthBytes - the caller's own limit; where absent half of the memory that is available now
 * @throws {RangeError} for a limit that is none
 * @throws {DmaBufError} ENOMEM
 */
export function checkHeapLimit(
  lengthBytes: number,
  maxLengthBytes: number | undefined,
  availableBytes: () => number = freemem,
): void {
  if (maxLengthBytes !== undefined && !(typeof maxLengthBytes === 'number' && maxLengthBytes >= 0))
    throw new RangeError(`maxLengthBytes must be a number from 0: ${String(maxLengthBytes)}`)
  if (maxLengthBytes === undefined && lengthBytes <= ALWAYS_ALLOWED_BYTES) return
  const most = maxLengthBytes ?? Math.floor(availableBytes() / 2)
  if (lengthBytes <= most) return
  const why =
    maxLengthBytes === undefined
      ? `half of what this machine has available is ${most}: maxLengthBytes sets another limit`
      : `maxLengthBytes is ${most}`
  throw new DmaBufError('ENOMEM', 'allocate', `Will not ask for ${lengthBytes} bytes: ${why}`, {
    rule: 'HEAP-13',
    details: { lengthBytes, maxLengthBytes: most },
  })
}
