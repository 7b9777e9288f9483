import { FdWatch } from './fd-watch.js'
import { MemoryOfFd } from './memory-of-fd.js'
import { check, native } from './native.js'

/** Memory of a buffer that the kernel has: its descriptor, and who waits for the work of others on it. */
export class KernelMemory extends MemoryOfFd {
  #watch: FdWatch | undefined
  #wake: (() => void) | undefined

  /** Made for the first who waits. */
  get watch(): FdWatch {
    return (this.#watch ??= new FdWatch(this.fd))
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
    if (this.#wake !== undefined) this.#watch?.forget(this.#wake)
    this.#wake = undefined
  }

  override release(): void {
    this.#watch?.[Symbol.dispose]()
    super.release()
  }
}

function cannotPoll(): string {
  return 'Cannot poll a buffer'
}
