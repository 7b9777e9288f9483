import { check, native, type Addresses } from './native.js'
import type { OwnedFd } from './owned-fd.js'

/** What a call to a driver is for, in an error's words. */
export interface Purpose {
  /** The name of the call, as in DmaBufError. */
  readonly operation: string
  /** What could not be done, and what to do about it. */
  message(): string
  /** Offsets in the argument, each followed by the array whose address belongs there. */
  readonly addresses?: Addresses
}

/**
 * Calls a driver. Repeated where a signal of the system interrupts it; waits where the driver does.
 *
 * @param argument - as long as the request says at least; what the driver answers is in it afterwards
 * @returns 0 or more
 * @throws {DmaBufError} what the driver says; EBADF for a closed descriptor
 */
export function ioctl(
  fd: OwnedFd,
  request: number,
  argument: Uint8Array | number,
  purpose: Purpose,
): number {
  const result = tryIoctl(fd, request, argument, purpose.addresses)
  return result >= 0 ? result : check(result, purpose.operation, () => purpose.message())
}

/** The same for those who know what to say of an error. @returns -errno where the driver refuses */
export function tryIoctl(
  fd: OwnedFd,
  request: number,
  argument: Uint8Array | number,
  addresses?: Addresses,
): number {
  // Addresses that are none would be looked for.
  if (addresses === undefined) return native().ioctl(fd.number, request, argument)
  return native().ioctl(fd.number, request, argument, addresses)
}

/**
 * The same on another thread, for drivers that wait. The descriptor may be closed meanwhile.
 *
 * @param argument - not to be touched until it is done
 * @throws {DmaBufError} as rejections
 */
export async function ioctlOnThread(
  fd: OwnedFd,
  request: number,
  argument: Uint8Array | number,
  purpose: Purpose,
): Promise<number> {
  const result = await native().ioctlOnThread(fd.number, request, argument)
  return check(result, purpose.operation, () => purpose.message())
}
