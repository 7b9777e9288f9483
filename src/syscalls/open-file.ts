import { DmaBufError } from '../core/errors.js'
import type { MapArea } from '../core/buffer/map-area.js'
import type { Caller } from './caller.js'
import type { MapRequest } from './mmap.js'

/**
 * An open file, as descriptors share it: counted, and released with its last reference.
 *
 * The methods are what the kernel does for a file that has no such operation; each file overrides its own.
 * Methods must not be called after the last reference was put.
 *
 * @kernel struct file
 */
export abstract class OpenFile {
  /** Access mode and status flags, as open(2) takes them; never O_CLOEXEC, which is the descriptor's. */
  readonly flags: number
  #references = 1

  constructor(flags: number) {
    this.flags = flags
  }

  /** Another reference on this open file, yours to put; what dup() and SCM_RIGHTS hand over. @kernel get_file */
  get(): this {
    this.#references++
    return this
  }

  /** Gives one reference back; the last one releases the file. @kernel fput */
  put(): void {
    if (--this.#references === 0) this.release()
  }

  /** Whether the access mode allows reading. @kernel FMODE_READ */
  get isReadable(): boolean {
    // Mode 3 allows neither, as the kernel counts it.
    return ((this.flags + 1) & 1) !== 0
  }

  /** Whether the access mode allows writing. @kernel FMODE_WRITE */
  get isWritable(): boolean {
    return ((this.flags + 1) & 2) !== 0
  }

  /**
   * Does what a request number asks.
   *
   * @param command - the whole number; each file says how much of it counts
   * @param argument - an address in the caller's memory, mostly
   * @returns what the system call returns
   * @throws {DmaBufError} as a rejection; ENOTTY for a command the file does not know
   */
  async ioctl(command: number, _argument: bigint, _caller: Caller): Promise<number> {
    throw unknownCommand(command)
  }

  /**
   * What is ready of `events` now; `wake`, where given, is called when to look again, until stopPolling().
   *
   * @returns POLLIN, POLLOUT … that hold, at once unless a lock must be waited for; always ready here, as any
   *   file is that cannot tell
   */
  poll(events: number, _wake?: () => void): number | Promise<number> {
    return events
  }

  /** Ends what poll() began for that `wake`. */
  stopPolling(_wake: () => void): void {}

  /** @throws {DmaBufError} ESPIPE: this file has no position. @rule SF-2, HEAP-4 */
  lseek(_offset: bigint, _whence: number): bigint {
    throw new DmaBufError('ESPIPE', 'lseek', 'File has no position to move')
  }

  /** @throws {DmaBufError} EBADF where the access mode forbids it, EINVAL otherwise. @rule BUF-30, SF-2 */
  read(): never {
    if (!this.isReadable) throw new DmaBufError('EBADF', 'read', 'File is not open for reading')
    throw new DmaBufError('EINVAL', 'read', 'File has no bytes to read: map it, or use its ioctls')
  }

  /** @throws {DmaBufError} EBADF where the access mode forbids it, EINVAL otherwise. @rule BUF-30, SF-2 */
  write(): never {
    if (!this.isWritable) throw new DmaBufError('EBADF', 'write', 'File is not open for writing')
    throw new DmaBufError('EINVAL', 'write', 'File takes no bytes: map it, or use its ioctls')
  }

  /**
   * Maps pages, after mapDescriptor() has checked what mmap(2) checks for every file.
   *
   * @returns yours to close; keeps the file open
   * @throws {DmaBufError} ENODEV, as a rejection: this file has no memory. @rule SF-2
   */
  async map(_request: MapRequest): Promise<MapArea> {
    throw new DmaBufError('ENODEV', 'mmap', 'File has no memory to map')
  }

  /** Gives back what the file holds: called once, by the last put(). */
  protected abstract release(): void
}

/** The error for a request number that a file does not know. @rule SF-8 */
export function unknownCommand(command: number): DmaBufError {
  const number = `0x${(command >>> 0).toString(16)}`
  return new DmaBufError('ENOTTY', 'ioctl', `File does not know this command: ${number}`)
}
