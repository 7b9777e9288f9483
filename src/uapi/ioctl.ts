/** No argument is copied. @kernel _IOC_NONE */
export const IOC_NONE = 0
/** User memory is read: the argument goes into the kernel. @kernel _IOC_WRITE */
export const IOC_WRITE = 1
/** User memory is written: the argument comes out of the kernel. @kernel _IOC_READ */
export const IOC_READ = 2

/** The four parts of an ioctl request number. */
export interface IoctlParts {
  /** IOC_NONE, IOC_WRITE, IOC_READ, or the last two together. */
  readonly direction: number
  /** One character: whose numbers these are. */
  readonly magic: string
  /** 0 to 255. */
  readonly number: number
  /** Size of the argument, 0 to 16383 bytes. */
  readonly sizeBytes: number
}

/**
 * The request number of an ioctl, as an unsigned 32-bit integer.
 *
 * Layout from the low bit: 8 bits number, 8 magic, 14 size, 2 direction; the same on x64, arm64 and riscv64.
 *
 * @kernel _IOC
 */
export function ioctlCommand({ direction, magic, number, sizeBytes }: IoctlParts): number {
  return ((direction << 30) | (sizeBytes << 16) | (magic.charCodeAt(0) << 8) | number) >>> 0
}

/** The parts of a request number. @kernel _IOC_DIR, _IOC_TYPE, _IOC_NR, _IOC_SIZE */
export function ioctlParts(command: number): IoctlParts {
  return {
    direction: (command >>> 30) & 3,
    magic: String.fromCharCode((command >>> 8) & 0xff),
    number: command & 0xff,
    sizeBytes: (command >>> 16) & 0x3fff,
  }
}
