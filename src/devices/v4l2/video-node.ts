import { DmaBufError, errnoName } from '../../core/errors.js'
import { native, type Addresses } from '../../linux/native.js'
import { openNode } from '../../linux/open-node.js'
import type { OwnedFd } from '../../linux/owned-fd.js'
import { O_NONBLOCK, O_RDWR } from '../../uapi/file.js'
import {
  decodeCapability,
  V4L2_CAP_DEVICE_CAPS,
  V4L2_CAPABILITY_BYTES,
  VIDIOC_QUERYCAP,
  type Capability,
} from '../../uapi/videodev2.js'
import { describeHolders, deviceHolders } from './device-holders.js'

/** An open /dev/videoN: its calls, and what their errors mean for whoever has to do something about them. */
export class VideoNode implements Disposable {
  readonly path: string
  readonly fd: OwnedFd
  readonly capability: Capability

  /** @throws {DmaBufError} ENOENT, EACCES, EBUSY; EINVAL where it is no V4L2 device */
  constructor(path: string) {
    this.path = path
    this.fd = open(path)
    try {
      const answer = new Uint8Array(V4L2_CAPABILITY_BYTES)
      const failed = this.try(VIDIOC_QUERYCAP, answer)
      if (failed === 'ENODEV') throw this.error(failed, 'open')
      if (failed !== undefined)
        throw new DmaBufError('EINVAL', 'open', `${path} is no video device`, { details: { path } })
      this.capability = decodeCapability(answer)
    } catch (error) {
      this.fd.close()
      throw error
    }
  }

  /** What this node can do: V4L2_CAP_ bits. */
  get caps(): number {
    const { capabilities, deviceCaps } = this.capability
    return (capabilities & V4L2_CAP_DEVICE_CAPS) !== 0 ? deviceCaps : capabilities
  }

  /**
   * Calls the driver; what it answers is in the argument then.
   *
   * @param what - what cannot be done where it fails, as `set the format of`; the path is put behind it
   * @throws {DmaBufError} what the driver says
   */
  call(request: number, argument: Uint8Array, what: string, addresses: Addresses = []): void {
    const failed = this.try(request, argument, addresses)
    if (failed !== undefined) throw this.error(failed, 'ioctl', what)
  }

  /** Calls the driver. @returns undefined, or the name of the error */
  try(request: number, argument: Uint8Array, addresses: Addresses = []): string | undefined {
    const result = native().ioctl(this.fd.number, request, argument, addresses)
    return result < 0 ? errnoName(-result) : undefined
  }

  /** An error of this device, with what to do about it. */
  error(code: string, operation: string, what = 'use'): DmaBufError {
    return new DmaBufError(code, operation, `Cannot ${what} ${this.path}${this.#hint(code)}`, {
      details: { path: this.path },
    })
  }

  #hint(code: string): string {
    if (code !== 'EBUSY') return HINTS[code] ?? `: ${code}`
    const holders = deviceHolders(this.path).filter(({ pid }) => pid !== process.pid)
    const who = holders.length > 0 ? holders : deviceHolders(this.path)
    return `: in use by ${describeHolders(who, process.pid)}; close it there first`
  }

  [Symbol.dispose](): void {
    this.fd.close()
  }
}

const HINTS: Readonly<Record<string, string>> = {
  ENODEV: ': it was unplugged, or its driver has gone',
  EIO: ': the driver reports a failure; unplug it and plug it in again if that stays',
  ENOMEM: ': there is not enough memory for its buffers; ask for fewer, or for smaller pictures',
  ENOSPC:
    ': the USB bus has no bandwidth left; ask for smaller pictures, for MJPG, or use another port',
  EPIPE: ': the stream has ended',
  ENOTTY: ': its driver cannot do that',
}

function open(path: string): OwnedFd {
  try {
    return openNode(path, O_RDWR | O_NONBLOCK)
  } catch (error) {
    if (!DmaBufError.is(error, 'EACCES')) throw error
    const fix = 'join its group (sudo usermod -aG video $USER, then log in again)'
    throw new DmaBufError('EACCES', 'open', `Cannot open ${path}: ${fix}`, { details: { path } })
  }
}
