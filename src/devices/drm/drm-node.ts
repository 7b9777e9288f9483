import { DmaBufError } from '../../core/errors.js'
import { check, native, type Addresses } from '../../linux/native.js'
import { tryIoctl } from '../../linux/ioctl.js'
import { openNode } from '../../linux/open-node.js'
import type { OwnedFd } from '../../linux/owned-fd.js'
import {
  decodeDrmCap,
  decodeDrmVersion,
  DRM_IOCTL_GET_CAP,
  DRM_IOCTL_VERSION,
  DRM_VERSION_NAME_OFFSET,
  encodeDrmCap,
  encodeDrmVersion,
} from '../../uapi/drm.js'
import { decodeText } from '../../uapi/struct.js'

/** Longer names are cut. */
const NAME_BYTES = 64

/** An open DRM node, and the calls on it. */
export class DrmNode implements Disposable {
  readonly path: string
  readonly driverName: string
  /** Of the driver: `major.minor.patch level`. */
  readonly version: string
  readonly #fd: OwnedFd
  readonly #onClose = new Set<() => void>()

  /** @throws {DmaBufError} EINVAL where the path is no DRM node; what opening says */
  constructor(path: string) {
    this.path = path
    this.#fd = openNode(path)
    try {
      const { name, version } = readVersion(this.#fd, path)
      this.driverName = name
      this.version = version
    } catch (error) {
      this.#fd.close()
      throw error
    }
  }

  get closed(): boolean {
    return this.#fd.closed
  }

  /**
   * Calls the driver; what it answers is in `argument`.
   *
   * @param what - what cannot be done where it refuses
   * @throws {DmaBufError} what the driver says; EBADF after close()
   */
  call(request: number, argument: Uint8Array, what: string, addresses?: Addresses): void {
    if (this.#fd.closed) throw new DmaBufError('EBADF', 'drm', `${this.path} is closed`)
    const result = tryIoctl(this.#fd, request, argument, addresses)
    if (result < 0)
      check(result, 'drm', () => `${what}: ${this.driverName} at ${this.path} refuses`)
  }

  /** What the device says of one of its capabilities; 0 where it has no such thing or does not tell. */
  capability(capability: number): number {
    const bytes = encodeDrmCap({ capability: BigInt(capability), value: 0n })
    if (native().ioctl(this.#fd.number, DRM_IOCTL_GET_CAP, bytes) < 0) return 0
    return Number(decodeDrmCap(bytes).value)
  }

  /** Calls it when the node is closed. @returns what ends that */
  onClose(closed: () => void): () => void {
    this.#onClose.add(closed)
    return () => this.#onClose.delete(closed)
  }

  /** Idempotent. Never throws. */
  close(): void {
    this.#fd.close()
    for (const closed of this.#onClose) closed()
    this.#onClose.clear()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

function readVersion(fd: OwnedFd, path: string): { name: string; version: string } {
  const text = new Uint8Array(NAME_BYTES)
  const nameBytes = BigInt(NAME_BYTES)
  const bytes = encodeDrmVersion({ major: 0, minor: 0, patchLevel: 0, nameBytes })
  const addresses = [DRM_VERSION_NAME_OFFSET, text]
  const result = native().ioctl(fd.number, DRM_IOCTL_VERSION, bytes, addresses)
  if (result < 0)
    throw new DmaBufError('EINVAL', 'drm', `${path} is no DRM node`, { details: { path } })
  const { major, minor, patchLevel, nameBytes: length } = decodeDrmVersion(bytes)
  const name = decodeText(text.subarray(0, Math.min(Number(length), NAME_BYTES)))
  return { name, version: `${major}.${minor}.${patchLevel}` }
}
