import { FdWatch } from './fd-watch.js'
import { MemoryOfFd } from './memory-of-fd.js'
import { check, native } from './native.js'
import type { OwnedFd } from './owned-fd.js'

/** Memory of a buffer that the kernel has: its descriptor, and who waits for the work of others on it. */
export class KernelMemory extends MemoryOfFd {
  /** Which buffer it is, among all that are open. */
  readonly identity: string
  readonly watch: FdWatch
  #wake: (() => void) | undefined

  /** @param fd - moved */
  constructor(fd: OwnedFd, about: { readonly lengthBytes: number; readonly identity: string }) {
    super(fd, about.lengthBytes)
    this.identity = about.identity
    this.watch = new FdWatch(fd)
  }

  /** Which of the events are there; calls `wake` once where one of the others may be. @rule BUF-38 */
  poll(events: number, wake: () => void): number {
    const ready = events & check(native().pollNow(this.fd.number, events), 'poll', cannotPoll)
    if (ready !== events) {
      this.#wake = wake
      this.watch.once(events & ~ready, wake)
    }
    return ready
  }

  stopPolling(): void {
    if (this.#wake !== undefined) this.watch.forget(this.#wake)
    this.#wake = undefined
  }

  override release(): void {
    this.watch[Symbol.dispose]()
    super.release()
  }
}

function cannotPoll(): string {
  return 'Cannot poll a buffer'
}
