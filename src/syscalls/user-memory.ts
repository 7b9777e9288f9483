import { DmaBufError } from '../core/errors.js'

/**
 * The memory of the program that makes a system call.
 *
 * Both methods throw a DmaBufError EFAULT where a byte is not there, or may not be used in that way.
 */
export interface UserMemory {
  /** A copy of so many bytes. */
  read(address: bigint, lengthBytes: number): Uint8Array
  /** Stores bytes; where it throws it may have stored some. */
  write(address: bigint, bytes: Uint8Array): void
}

/**
 * The bytes of a NUL-terminated string, without its NUL. No byte behind the NUL is looked at: it may be the
 * last byte of the last page there is.
 *
 * @kernel strndup_user
 * @param limitBytes - room for the string with its NUL
 * @throws {DmaBufError} EFAULT where the memory ends before the NUL; EINVAL where the string is longer
 */
export function readString(memory: UserMemory, address: bigint, limitBytes: number): Uint8Array {
  const bytes = new Uint8Array(limitBytes)
  for (let length = 0; length < limitBytes; length++) {
    const byte = memory.read(address + BigInt(length), 1)[0]!
    if (byte === 0) return bytes.subarray(0, length)
    bytes[length] = byte
  }
  throw new DmaBufError('EINVAL', 'read string', `String must end within ${limitBytes} bytes`)
}
