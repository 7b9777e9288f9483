import { DmaBufError } from '../core/errors.js'
import { unwatchLeaks, watchLeaks } from '../core/leak-watch.js'
import { check, native } from './native.js'

let ofAddon: (fd: number) => OwnedFd

/** Takes over a descriptor that a call of the addon has made, and noted as ours. */
export function madeFd(fd: number): OwnedFd {
  return ofAddon(fd)
}

/**
 * A file descriptor that somebody owns: closed once, moved by release(), never used after either.
 *
 * One that is collected without close() is reported with the stack that made it, never closed. A worker that
 * ends closes what its handles still own, as the kernel does for a process.
 */
export class OwnedFd implements Disposable {
  #number: number

  static {
    ofAddon = (fd) => new OwnedFd(fd)
  }

  private constructor(number: number) {
    this.#number = number
    watchLeaks(this, () => `File descriptor ${number}`)
  }

  /** Takes over a descriptor; whoever gave the number must not close it any more. */
  static adopt(fd: number): OwnedFd {
    if (!Number.isInteger(fd) || fd < 0) throw new RangeError(`Not a file descriptor: ${fd}`)
    native().own(fd)
    return new OwnedFd(fd)
  }

  /** The number, borrowed: valid until close() or release(). @throws {DmaBufError} EBADF after either */
  get number(): number {
    if (this.#number < 0)
      throw new DmaBufError('EBADF', 'OwnedFd', 'File descriptor is closed or moved')
    return this.#number
  }

  get closed(): boolean {
    return this.#number < 0
  }

  /** Another descriptor of the same open file, yours. */
  dup(): OwnedFd {
    return new OwnedFd(
      check(native().dup(this.number), 'dup', () => 'Cannot duplicate a descriptor'),
    )
  }

  /** Gives the number away: the caller closes it from now on. */
  release(): number {
    const { number } = this
    native().disown(number)
    this.#forget()
    return number
  }

  /** Idempotent. Never throws. */
  close(): void {
    if (this.#number < 0) return
    const number = this.#number
    this.#forget()
    native().close(number)
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #forget(): void {
    this.#number = -1
    unwatchLeaks(this)
  }
}

/** @throws {TypeError} for anything else, such as the number of a descriptor, with what to do */
export function checkOwnedFd(fd: unknown, operation: string): void {
  if (fd instanceof OwnedFd) return
  throw new TypeError(`${operation} takes an OwnedFd: OwnedFd.adopt(number) makes one of a number`)
}
